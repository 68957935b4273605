"""What tasks wait for: a request's two steps, sleep, each other."""

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from detector.core.instant import MINUTE, SECOND

T = TypeVar("T")

Work = Coroutine[Any, Any, None]

Kind = Literal["read", "write", "post", "checkpoint"]
"""`post` is a request to a service that does not finish what takes it longer than a minute."""

POST_TIMEOUT = 20 * SECOND
_POST_LIVES = MINUTE
NEVER = 1 << 62
_LONGEST_STEP = 4 * SECOND // 10


class NotDoneError(Exception):
    """The request was refused, or never arrived."""


class NoAnswerError(Exception):
    """The request may have been done."""


class Call(Generic[T]):
    """One request: `effect` happens at the service, all at once; its result is the answer.

    `repeats`: the client sends it again when the first answer is lost, and may meet its own work.
    """

    __slots__ = ("effect", "kind", "label", "repeats")

    def __init__(
        self,
        kind: Kind,
        label: tuple[object, ...],
        effect: Callable[[], T],
        *,
        repeats: bool = False,
    ) -> None:
        self.kind = kind
        self.label = label
        self.effect = effect
        self.repeats = repeats

    def __await__(self) -> Generator["Call[T]", T, T]:
        answer = yield self
        return answer


class Sleep:
    """Waits until an instant."""

    __slots__ = ("until",)

    def __init__(self, until: int) -> None:
        self.until = until

    def __await__(self) -> Generator["Sleep", None, None]:
        yield self


class Join:
    __slots__ = ("tasks",)

    def __init__(self, tasks: list["Task"]) -> None:
        self.tasks = tasks

    def __await__(self) -> Generator["Join", None, None]:
        yield self


class Phase(Enum):
    """Where a task stands."""

    READY = "ready"
    AT_SERVICE = "at service"
    ANSWERED = "answered"
    DONE = "done"


@dataclass(slots=True, eq=False)
class Task:
    """A coroutine of one host, and the request it waits for."""

    host: str
    name: str
    coroutine: Work
    phase: Phase = Phase.READY
    call: Call[Any] | None = None
    joined: list["Task"] = field(default_factory=list["Task"])
    answer: object = None
    error: Exception | None = None
    wake: int = 0
    sent_at: int = 0
    deadline: int = NEVER

    @property
    def is_done(self) -> bool:
        """It has returned, raised, or been killed."""
        return self.phase is Phase.DONE


@dataclass(slots=True, kw_only=True)
class Faults:
    """Probabilities, for one step, of what may go wrong with a request."""

    request: float = 0.0
    echo: float = 0.0


@dataclass(frozen=True, slots=True)
class Orphan:
    """A request that outlived its sender."""

    call: Call[Any]
    sent_at: int
