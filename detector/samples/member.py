"""Who is in the sample company, where they work from, and what one step of theirs is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

Role = Literal["attack", "near miss", "benign look-alike", "staff"]
Verb = Literal["view", "visit", "search", "download", "print", "export", "export space"]
Spelling = Literal["camel", "snake", "connector"]

TICKS_PER_SECOND = 10_000_000
MINUTE = 60 * TICKS_PER_SECOND
HOUR = 60 * MINUTE

SILENT = ""
SCRAPING = "Automated scraping detected — exceeds 10 pages/min"
CREDENTIAL_HUNTING = "Credential/secret hunting via search queries"
BULK_EXPORT = "Bulk content export activity"
ENUMERATION = "Multi-space enumeration pattern"
HIGH_VOLUME = "High-volume bulk access"
ELEVATED = "Elevated Confluence access above threshold"

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/134.0.0.0 Safari/537.36"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One account of the sample company and the promise made about it.

    `source_says` is the `ThreatIndicator` that the source query gives the account's one session
    at the end of the day, or "" where the query stays silent. `tests/samples` checks it.
    """

    name: str
    number: int
    role: Role
    story: str
    source_says: str

    @property
    def object_id(self) -> str:
        """The Entra object id: zeros and the member's number."""
        return guid(self.number)

    @property
    def is_service(self) -> bool:
        """Whether this is a program's account, by its name."""
        return self.name.startswith("svc-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where a member's activities come from: the query's four group columns, and a spelling.

    `spelling` decides the action names: the query's `PageViewed` or `page_viewed` (records of
    Defender's session control), or `confluence_page_viewed` (records of the app connector).
    """

    member: Member
    address: str
    agent: str = BROWSER
    spelling: Spelling = "camel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One activity as it is done, before any record of it exists.

    `at` is in ticks of 100 ns since the day's midnight, UTC. `search` is set for searches only.
    """

    at: int
    session: Session
    verb: Verb
    space: str = ""
    title: str = ""
    search: str = ""


Script = Callable[[Member, Random], Iterator[Step]]
Part = tuple[Member, Script]


def guid(number: int) -> str:
    """A GUID of zeros that ends in the digits of `number`."""
    return f"00000000-0000-0000-0000-{number:012d}"


def paced(random: Random, start: int, span: int, count: int) -> list[int]:
    """`count` ascending moments, evenly spread with jitter over `span` ticks from `start`."""
    return [start + int(span * (index + 0.7 * random.random()) / count) for index in range(count)]
