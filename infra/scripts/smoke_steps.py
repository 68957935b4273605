"""The steps of the smoke test: what is tried, for how long, and what failing at it returns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cloud import NO_ANSWER, OK, CloudError

SECONDS_BETWEEN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that must come true in time."""

    name: str
    code: int
    """Exit code of the script when it does not."""
    seconds: float
    """How long it may take; 0 is one attempt."""
    attempt: Callable[[], str | None]
    """What was found, in words; None for not yet. Raises CloudError when a service is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, so that a test need not wait."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


def wait(step: Step, clock: Clock) -> tuple[str | None, CloudError | None]:
    """What the step found, else None with the last error, if the last attempt had one."""
    deadline = clock.now() + step.seconds
    while True:
        error = None
        try:
            found = step.attempt()
        except CloudError as caught:
            found, error = None, caught
        if found is not None or clock.now() + SECONDS_BETWEEN > deadline:
            return found, error
        clock.sleep(SECONDS_BETWEEN)


def run(steps: Iterable[Step], clock: Clock, show: Callable[[str], None]) -> int:
    """Goes through the steps until one fails.

    Returns 0, the code of the step, or 3 when its service did not answer at the end.
    """
    for step in steps:
        start = clock.now()
        found, error = wait(step, clock)
        taken = f"{clock.now() - start:.0f} s"
        if found is None:
            show(f"FAILED  {step.name} after {taken}: {error or 'not seen'}")
            return NO_ANSWER if error else step.code
        show(f"ok      {step.name} ({taken}): {found}")
    return OK
