"""Defender CloudAppEvents as activities: the streaming envelope and exported rows alike."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256

from detector.core.activity import HASHED, Activity, Context, Rejected, Session, digest
from detector.core.instant import MINUTE, InstantError, parse_instant
from detector.core.policy import Policy
from detector.core.reading import Message, Reading
from detector.core.vocabulary import Vocabulary
from detector.sources.raw_event_data import Texts
from detector.sources.record import Columns, Flag, Record, Unreadable, canonical, decode, slices

TABLE = "CloudAppEvents"

SKEW = 15 * MINUTE
"""How far after it was enqueued a live event may be stamped; what is later counts at this."""

LONGEST_TEXT = 1_000
"""Characters of any text; a longer one is cut and ends in its hash, so that it stays distinct."""


class CloudAppEvents:
    """Reads messages under a policy. Remembers how many identical records of a file it has read."""

    def __init__(
        self,
        policy: Policy,
        vocabulary: Vocabulary,
        *,
        tenant_id: str = "",
        raw_queries: bool = False,
        clocked: bool = False,
        by_position: bool = False,
    ) -> None:
        """With `tenant_id` other tenants' records are rejected; `raw_queries` keeps search texts.

        `clocked` also collects the time of each record, of whatever table. `by_position` tells
        records of a file without a ReportId apart by their line, not by content and ordinal.
        """
        self._vocabulary = vocabulary
        self._texts = Texts(policy.fields)
        self._privileged = frozenset(name.lower() for name in policy.user_context)
        self._tenant = tenant_id.lower()
        self._mask = str if raw_queries else vocabulary.terms.mask
        self._clocked = clocked
        self._by_position = by_position
        self._copies: Counter[bytes] = Counter()
        self._session = lru_cache(65_536)(_session)
        self._context = lru_cache(65_536)(self._make_context)

    def read(self, messages: Iterable[Message]) -> Reading:
        """Everything the messages say. Never raises, whatever their bytes."""
        reading = Reading()
        for received in messages:
            message = received
            if message.body.startswith(BOM_UTF8):
                message = message._replace(body=message.body[len(BOM_UTF8) :])
            records = decode(message.body)
            reading.records += len(records)
            for index, record in enumerate(records):
                if self._clocked and isinstance(record, Record):
                    _note_moment(record, reading)
                reason = self._take(record, message, index, reading)
                if reason:
                    reading.rejected.append(_rejected(reason, record, message, index))
        return reading

    def _take(
        self, record: Record | Unreadable, message: Message, index: int, reading: Reading
    ) -> str:
        """Add one record to the reading; returns why it must be rejected, or ""."""
        if isinstance(record, Unreadable):
            if _other_table(record.category) or not self._may_be_ours(record.application):
                reading.ignored += 1
                return ""
            return record.reason
        columns = record.properties
        if (
            columns is None
            or _other_table(record.category)
            or not self._vocabulary.is_app(columns.AppName or columns.Application or "")
        ):
            reading.ignored += 1
            return ""
        if self._tenant and record.tenantId and record.tenantId.lower() != self._tenant:
            return "tenantId: a record of another tenant"
        if not columns.ActionType:
            return "ActionType: missing"
        try:
            timestamp = parse_instant(columns.Timestamp or "")
        except InstantError as error:
            return f"Timestamp: {error}"
        event_id = self._event_id(columns, timestamp, message, index)
        self._add(columns, event_id, timestamp, message.enqueued, reading)
        return ""

    def _may_be_ours(self, application: str | None) -> bool:
        return application is None or self._vocabulary.is_app(application)

    def _event_id(self, columns: Columns, timestamp: int, message: Message, index: int) -> bytes:
        """By content; without a ReportId by position in the hub, or by content and ordinal."""
        if columns.ReportId is not None and columns.ReportId != "":
            return digest(
                str(columns.ReportId),
                str(timestamp),
                columns.ActionType or "",
                columns.AccountObjectId or columns.AccountDisplayName or "",
                columns.ObjectId or "",
                columns.ObjectName or "",
            )
        if message.enqueued is not None or self._by_position:
            position = (str(message.sequence), str(message.enqueued), str(index))
            return digest("position", message.source, *position)
        content = canonical(slices(message.body)[index])
        self._copies[key := digest(content.decode("utf-8", "replace"))] += 1
        return digest("copy", key.hex(), str(self._copies[key]))

    def _add(
        self,
        columns: Columns,
        event_id: bytes,
        timestamp: int,
        enqueued: int | None,
        reading: Reading,
    ) -> None:
        query, space, title = self._texts.read(bytes(columns.RawEventData))
        action = clip(columns.ActionType or "")
        if not self._vocabulary.kind(action).known:
            reading.unmapped[action] += 1
        if enqueued is not None and timestamp > enqueued + SKEW:
            timestamp = enqueued + SKEW
            reading.skewed += 1
        reading.activities.append(
            Activity(
                event_id,
                timestamp,
                self._session(
                    columns.AccountObjectId or "",
                    columns.AccountDisplayName or "",
                    columns.IPAddress or "",
                    columns.UserAgent or "",
                ),
                action,
                clip(columns.ObjectName or title),
                clip(space),
                clip(self._mask(query)) if query else "",
                self._vocabulary.terms.found_in(query) if query else (),
                self._context(
                    columns.AccountId,
                    columns.AccountType,
                    columns.IsAdminOperation,
                    columns.CountryCode,
                    columns.ISP or columns.Isp,
                ),
            )
        )

    def _make_context(
        self,
        account_id: str | None,
        account_type: str | None,
        admin_operation: Flag,
        country: str | None,
        isp: str | None,
    ) -> Context:
        """AN1019 UserContext: privileged is "yes", "no", or "" where the record does not say."""
        privileged = ""
        if account_type:
            privileged = "yes" if account_type.lower() in self._privileged else "no"
        if is_set(admin_operation):
            privileged = "yes"
        return Context(clip(account_id or ""), privileged, clip(country or ""), clip(isp or ""))


def _session(object_id: str, display_name: str, address: str, agent: str) -> Session:
    return Session(clip(object_id), clip(display_name), clip(address), clip(agent))


def clip(text: str) -> str:
    """The text in at most 1,000 characters, still distinct from every other text."""
    if text[:1] == HASHED:
        text = "\ufffd" + text[1:]
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 20]}… {digest(text, size=8).hex()}"


def is_set(flag: Flag) -> bool:
    """A flag as the stream has been seen to send it: true, 1, "1" or "true"."""
    return str(flag).lower() in {"true", "1", "1.0"}


def _other_table(category: str | None) -> bool:
    return category is not None and not category.endswith(TABLE)


def _note_moment(record: Record, reading: Reading) -> None:
    columns = record.properties
    for text in (record.time, columns.Timestamp if columns else None):
        with suppress(InstantError):
            reading.moments.append((parse_instant(text or ""), len(reading.activities)))
            return


def _rejected(reason: str, record: Record | Unreadable, message: Message, index: int) -> Rejected:
    body = record.body if isinstance(record, Unreadable) else slices(message.body)[index]
    source = message.source.encode("utf-8", "replace").decode()  # a file's name may be any bytes
    unit = "line" if message.enqueued is None else "sequence number"
    where = f"{source}, {unit} {message.sequence}, record {index}"
    return Rejected(
        reason=reason[:300],
        where=where,
        source=source,
        sequence=message.sequence,
        index=index,
        size=len(body),
        sha256=sha256(body).hexdigest(),
        enqueued=message.enqueued,
        body=body,
    )
