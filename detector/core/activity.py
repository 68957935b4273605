"""One normalised user action, and how it and its user are identified."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

READER_VERSION = 1
"""Version of the readers in `sources`; of two readings of one event the higher version wins."""


HASHED = "\0"
"""First character of a text of which only a hash was kept; readers never let one in."""

_USER_KEY = re.compile(r"[0-9a-fA-F]{32}")


class Session(NamedTuple):
    """The query's four group columns; a missing column is the empty string, as in KQL."""

    account_object_id: str
    account_display_name: str
    ip_address: str
    user_agent: str


class Context(NamedTuple):
    """What a responder wants to know of a record and no rule reads; "" is unknown."""

    account_id: str = ""
    privileged: str = ""
    country: str = ""
    isp: str = ""


class Activity(NamedTuple):
    """One action of one account; the tuple order decides between two readings of one event.

    `at` is in ticks: the record's Timestamp, live never more than 15 minutes after it was
    enqueued. `search` is the masked search text, "" where the record has none, and `terms` are
    the sensitive terms found in it before it was masked.
    """

    event_id: bytes
    at: int
    session: Session
    action_type: str
    page_title: str
    space_key: str
    search: str
    terms: tuple[str, ...]
    context: Context
    reader: int = READER_VERSION


class Sample(list[Activity]):
    """A user's activities; `unread` are those that were too many to be looked at.

    Where there are any, every count made of the sample is a lower bound.
    """

    def __init__(self, activities: Iterable[Activity] = (), unread: int = 0) -> None:
        """Keep the activities."""
        super().__init__(activities)
        self.unread = unread

    def after(self, instant: int) -> "Sample":
        """Those after the instant, as much a sample."""
        return Sample((a for a in self if a.at > instant), self.unread)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record that cannot be read: why, and where it stood. It is counted and dead-lettered.

    `size` and `sha256` are of the record's own bytes, `body`, which is empty where nobody has them
    any more. `enqueued` is its message's, in ticks, None for a file.
    """

    reason: str
    where: str
    source: str
    sequence: int
    index: int
    size: int
    sha256: str
    enqueued: int | None = None
    body: bytes = field(default=b"", repr=False, compare=False)


def digest(*parts: str, size: int = 16) -> bytes:
    """BLAKE2b of several texts: ('a', 'bc') differs from ('ab', 'c').

    `ascii` of the tuple is injective, the same in every Python, and takes any text, a lone
    surrogate too.
    """
    return blake2b(ascii(parts).encode(), digest_size=size).digest()


@lru_cache(65_536)
def user_of(session: Session) -> str:
    """The key of the user behind a session: 32 hex digits.

    The AccountObjectId, else the AccountDisplayName, else the session itself: a function of the
    group columns, so a session never spans two users and nameless ones are never merged.
    """
    if session.account_object_id:
        return digest("oid", session.account_object_id).hex()
    if session.account_display_name:
        return digest("name", session.account_display_name).hex()
    return digest("session", session.ip_address, session.user_agent).hex()


def users_named(text: str) -> tuple[str, ...]:
    """The user keys a person may mean by an object id, a display name or a key itself."""
    keys = (digest("oid", text).hex(), digest("name", text).hex())
    return (*keys, text.lower()) if _USER_KEY.fullmatch(text) else keys


def better(one: Activity, other: Activity) -> Activity:
    """The reading of one event that is kept: the higher reader version, then the smaller tuple.

    Associative, commutative and idempotent, so the union does not depend on order or batches.
    """
    if one.reader != other.reader:
        return one if one.reader > other.reader else other
    return min(one, other)


def union(activities: Iterable[Activity]) -> dict[bytes, Activity]:
    """Every event once, by event id: the semilattice join that makes redelivery a no-op."""
    joined: dict[bytes, Activity] = {}
    for activity in activities:
        known = joined.setdefault(activity.event_id, activity)
        if known is not activity and known != activity:
            joined[activity.event_id] = better(known, activity)
    return joined


def hashed(text: str) -> str:
    """What stands for a text that was dropped; equal texts have equal stand-ins."""
    return text if text[:1] == HASHED else HASHED + digest(text, size=8).hex()


def kept(text: str) -> str:
    """The text for people: "" where only its stand-in was kept."""
    return "" if text[:1] == HASHED else text


def without_texts(activity: Activity) -> Activity:
    """The activity as a saturated user-hour keeps it."""
    return activity._replace(
        page_title=hashed(activity.page_title), space_key=hashed(activity.space_key), search=""
    )
