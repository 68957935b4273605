"""Any number of records for benchmarks, quickly: templates are filled in, nothing is encoded."""

from collections.abc import Iterator
from itertools import accumulate, islice
from random import Random

from detector.samples.day import TENANT
from detector.samples.member import BROWSER, HOUR, MINUTE, TICKS_PER_SECOND, guid
from detector.samples.records import instant

RECORDS_A_MESSAGE = 30
DUPLICATE_SHARE = 0.02

_DAY = 24 * HOUR
_PAGES = 20_000
_SPACES = 200
_BLOCK = 1_000
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_AGENTS = (BROWSER, "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0")
_SEARCHES = ("holiday calendar", "release notes", "style guide", "roadmap", "vpn setup", "rota")
_ACTION_WEIGHTS = {
    "PageViewed": 60,
    "page_viewed": 12,
    "SearchPerformed": 10,
    "AttachmentDownloaded": 5,
    "SpaceViewed": 2,
    "ContentExported": 1,
    "confluence_page_updated": 10,  # in no list of the query
}
_RAW = '{"spaceKey":"S%03d","pageTitle":"%s"%s}'
_RAW_SEARCH = '{"searchQuery":"%s"%s}'
_RAW_FILLER = "".join(f',"detail{number:02}":"{"filler " * 8}"' for number in range(15))
_FLAT = (
    '{"Timestamp":"%(timestamp)s","ActionType":"%(action)s","Application":"%(application)s",'
    '"AccountObjectId":"%(object_id)s","AccountDisplayName":"%(name)s","IPAddress":"%(address)s",'
    '"UserAgent":"%(agent)s","ObjectName":"%(title)s","RawEventData":%(raw)s,'
    '"ReportId":"%(report_id)s"}'
)
_FULL = (
    '{"ActionType":"%(action)s","ApplicationId":31001,"AccountDisplayName":"%(name)s",'
    '"AccountObjectId":"%(object_id)s","AccountId":"%(name)s@example.com","DeviceType":"Desktop",'
    '"OSPlatform":"Windows 10","IPAddress":"%(address)s","IsAnonymousProxy":false,'
    '"CountryCode":"NL","City":null,"ISP":"Example Networks","UserAgent":"%(agent)s",'
    '"IsAdminOperation":false,"ActivityObjects":[{"Type":"User","Role":"Actor","Name":"%(name)s",'
    '"Id":"%(object_id)s","ApplicationId":11161,"ApplicationInstance":0}],'
    '"AdditionalFields":{"IsSatelliteProvider":false},"ActivityType":"Basic",'
    '"ObjectName":"%(title)s","ObjectType":"page","ObjectId":"%(page)d","AppInstanceId":0,'
    '"AccountType":"Regular","IsExternalUser":false,"IsImpersonated":false,"IPTags":null,'
    '"IPCategory":"Corporate","UserAgentTags":null,"RawEventData":%(raw)s,"UncommonForUser":[],'
    '"LastSeenForUser":{"ActionType":0,"ISP":0,"IPAddress":0,"Application":0},'
    '"SessionData":null,"AuditSource":"Defender for Cloud Apps session control",'
    '"OAuthAppId":null,"ReportId":"%(report_id)s","Timestamp":"%(timestamp)s",'
    '"Application":"%(application)s"}'
)
_RECORD = (
    f'{{"time":"%s","tenantId":"{TENANT}","operationName":"Publish",'
    '"category":"AdvancedHunting-CloudAppEvents","properties":%s}'
)

# When its slot of the day is, in ticks since midnight; the row as JSON text.
_Slot = tuple[int, str]


def bulk(
    records: int,
    *,
    flat: bool,
    seed: int,
    confluence_share: float = 1.0,
    users: int = 5000,
) -> Iterator[bytes]:
    """NDJSON lines that hold exactly `records` records of 2026-03-11, 2 % of them duplicates.

    `flat`: one `CloudAppEvents` row of about 450 bytes a line. Otherwise one message of 30
    records a line (the last may hold fewer), about 2.5 kB a record. Rows are spread evenly over
    the day, in order but for a minute's jitter. The user of rank n has a share proportional to
    1/n, in up to three sessions. `confluence_share` (0..1) of the rows are of Confluence, the
    others of an application the query does not look at. The same arguments give the same bytes;
    memory does not grow with `records`. Raises `ValueError` when an argument is out of range.
    """
    if records < 0 or users < 1 or not 0 <= confluence_share <= 1:
        raise ValueError("bulk: records >= 0, users >= 1 and confluence_share in 0..1 are needed")
    random = Random(seed)
    slots = _slots(
        random,
        records,
        who=_users(random, users),
        what=_actions(random),
        template=_FLAT if flat else _FULL,
        confluence_share=confluence_share,
    )
    return (row.encode() + b"\n" for _, row in slots) if flat else _messages(slots)


def _users(random: Random, users: int) -> Iterator[int]:
    shares = list(accumulate(1 / rank for rank in range(1, users + 1)))
    while True:
        yield from random.choices(range(users), cum_weights=shares, k=_BLOCK)


def _actions(random: Random) -> Iterator[str]:
    names, weights = tuple(_ACTION_WEIGHTS), tuple(_ACTION_WEIGHTS.values())
    while True:
        yield from random.choices(names, weights=weights, k=_BLOCK)


def _slots(
    random: Random,
    records: int,
    *,
    who: Iterator[int],
    what: Iterator[str],
    template: str,
    confluence_share: float,
) -> Iterator[_Slot]:
    recent: list[str] = []
    for index in range(records):
        at = (index + 1) * _DAY // (records + 1)
        if recent and random.random() < DUPLICATE_SHARE:
            yield at, random.choice(recent)
            continue
        application = "Confluence" if random.random() < confluence_share else "Microsoft Teams"
        values = _values(random, at, user=next(who), action=next(what), template=template)
        row = template % (values | {"application": application})
        if len(recent) < _BLOCK:
            recent.append(row)
        else:
            recent[index % _BLOCK] = row
        yield at, row


def _values(random: Random, at: int, *, user: int, action: str, template: str) -> dict[str, object]:
    page = random.randrange(_PAGES)
    session = random.randrange(1 + user % 3)
    is_search = action == "SearchPerformed"
    title = "" if is_search else f"Page {page}"
    filler = _RAW_FILLER if template is _FULL else ""
    return {
        "timestamp": instant(at - random.randrange(min(at, MINUTE))),
        "action": action,
        "object_id": guid(user + 1),
        "name": f"user{user + 1}",
        "address": f"{_NETWORKS[session]}.{user % 254 + 1}",
        "agent": _AGENTS[user % 2],
        "title": title,
        "page": page,
        "raw": _RAW_SEARCH % (random.choice(_SEARCHES), filler)
        if is_search
        else _RAW % (page % _SPACES, title, filler),
        "report_id": f"{random.getrandbits(128):032x}_31001",
    }


def _messages(slots: Iterator[_Slot]) -> Iterator[bytes]:
    while message := list(islice(slots, RECORDS_A_MESSAGE)):
        bodies = (_RECORD % (instant(at + 10 * TICKS_PER_SECOND), row) for at, row in message)
        yield f'{{"records":[{",".join(bodies)}]}}\n'.encode()
