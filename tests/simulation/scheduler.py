"""One seeded scheduler that owns the time, every request, and whoever runs.

Coroutines are driven by hand. A request is made of two steps, at the service and back to its
caller; between any two steps somebody else may run. What is not decided here does not happen.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from random import Random  # noqa: TID251 - everything random comes from the seed
from typing import Any, cast

from detector.core.instant import MINUTE, SECOND
from tests.simulation.requests import (
    NEVER,
    Call,
    Faults,
    Join,
    NoAnswerError,
    NotDoneError,
    Orphan,
    Phase,
    Sleep,
    Task,
    Work,
)

POST_TIMEOUT = 20 * SECOND
_POST_LIVES = MINUTE
_LONGEST_STEP = 4 * SECOND // 10


class Scheduler:
    """Runs tasks step by step; `now` is the world's clock in ticks of 100 ns."""

    def __init__(
        self, random: Random, now: int, trace: Callable[[str], None] | None = None
    ) -> None:
        self.random = random
        self.now = now
        self.faults = Faults()
        self.tasks: list[Task] = []
        self.orphans: list[Orphan] = []
        self.current: Task | None = None
        self.on_failure: Callable[[Task, Exception], None] = _reraise
        self.steps = 0
        self.counts: Counter[str] = Counter()
        self.frozen = False
        self._trace = trace

    def log(self, what: str, *words: object) -> None:
        """One line of the trace; `what` is counted."""
        self.counts[what] += 1
        if self._trace is not None:
            self._trace(
                f"{self.steps:>5} {self.now / SECOND:.3f} {what} {' '.join(map(str, words))}"
            )

    def spawn(self, host: str, name: str, coroutine: Work) -> Task:
        """Let somebody run from now on."""
        deadline = self.current.deadline if self.current else NEVER
        task = Task(host, name, coroutine, deadline=deadline)
        self.tasks.append(task)
        return task

    async def sleep(self, ticks: int) -> None:
        """Wait."""
        await Sleep(self.now + ticks)

    async def at_once(self, works: Iterable[Awaitable[None]]) -> None:
        """Do them all at once, as the adapter's ForEach; then raise one of the errors."""
        parent = self.current
        assert parent is not None
        children = [
            self.spawn(parent.host, f"{parent.name}.{n}", cast("Work", work))
            for n, work in enumerate(works)
        ]
        self.random.shuffle(children)
        await Join(children)
        errors = [child.error for child in children if child.error is not None]
        if errors:
            raise errors[0]

    async def within(self, ticks: int, work: Work) -> None:
        """As asyncio.timeout: what has not ended by then is cancelled. Raises TimeoutError."""
        parent = self.current
        assert parent is not None
        child = self.spawn(parent.host, f"{parent.name}.0", work)
        child.deadline = self.now + ticks
        await Join([child])
        if not child.is_done:
            self.kill(child)
            raise TimeoutError
        if child.error is not None:
            raise child.error

    def step(self) -> bool:
        """Let one task take one step; False when nobody is left."""
        task = self._next()
        if task is None:
            wakes = [task.wake for task in self.tasks if not task.joined]
            if not wakes:
                return False
            self.now = max(self.now, min(wakes))
            return True
        self.steps += 1
        if not self.frozen:
            self.now += int(self.random.random() * _LONGEST_STEP)
        if task.phase is Phase.AT_SERVICE:
            self._serve(task)
        else:
            self._resume(task)
        return True

    def _next(self) -> Task | None:
        """Somebody who can run; looking at everyone only after bad luck."""
        tasks, dice = self.tasks, self.random.random
        for _ in range(min(6, len(tasks))):
            task = tasks[int(dice() * len(tasks))]
            if self._may_run(task):
                return task
        runnable = [task for task in tasks if self._may_run(task)]
        return runnable[int(dice() * len(runnable))] if runnable else None

    def advance(self, task: Task, until: Callable[[Call[Any]], bool] | None = None) -> None:
        """Let only this task go on, until it is about to make such a request, or has ended."""
        while not task.is_done:
            waits_for = [child for child in task.joined if not child.is_done]
            if waits_for:
                self.advance(waits_for[0], until)
                if not waits_for[0].is_done:
                    return
                continue
            if task.phase is not Phase.AT_SERVICE:
                self._resume(task)
                continue
            if until is not None and task.call is not None and until(task.call):
                return
            self._serve(task)

    def serve(self, task: Task, failure: Exception | None) -> None:
        """The request of a task is done; the task hears of it, or of a failure instead."""
        self._serve(task)
        task.error = failure or task.error

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Step until the condition holds or nobody is left."""
        while not until() and self.step():
            pass

    def _may_run(self, task: Task) -> bool:
        if task.phase is Phase.AT_SERVICE:
            return True
        if self.now > task.deadline:
            return False
        if task.joined:
            return all(c.is_done or c.deadline < self.now for c in task.joined)
        return task.wake <= self.now

    def _serve(self, task: Task) -> None:
        """The request reaches its service, or not; its answer gets back, or not."""
        call = task.call
        assert call is not None
        task.phase = Phase.ANSWERED
        dice = self.random.random()
        if dice < self.faults.request:
            task.error = NotDoneError()
            self.log("refused", task.name, *call.label)
            return
        try:
            task.answer = call.effect()
        except Exception as error:  # noqa: BLE001 - it is the caller's
            task.error = error
            self.log("failed", task.name, *call.label, type(error).__name__)
            return
        self.log("did", task.name, *call.label)
        if call.kind == "read":
            return
        too_late = call.kind == "post" and self.now - task.sent_at > POST_TIMEOUT
        if dice < 2 * self.faults.request or too_late:
            task.error = NoAnswerError()
            self.log("no answer", task.name)
        elif call.repeats and self.random.random() < self.faults.echo:
            self._repeat(task, call)

    def _repeat(self, task: Task, call: Call[Any]) -> None:
        """The first answer was lost and the client sent it again by itself."""
        try:
            task.answer = call.effect()
        except Exception as error:  # noqa: BLE001 - it is the caller's
            task.error = error
        self.log("did again", task.name, *call.label, type(task.error).__name__)

    def _resume(self, task: Task) -> None:
        """The caller gets its answer and runs to its next request."""
        error, answer = task.error, task.answer
        task.error = task.answer = task.call = None
        task.joined = []
        self.current = task
        try:
            asked = task.coroutine.throw(error) if error else task.coroutine.send(answer)
        except StopIteration:
            self._end(task)
            return
        except Exception as failure:  # noqa: BLE001 - reported as a violation
            task.error = failure
            self._end(task)
            if not any(task in other.joined for other in self.tasks):
                self.on_failure(task, failure)
            return
        finally:
            self.current = None
        self._wait_for(task, asked)

    def _wait_for(self, task: Task, asked: object) -> None:
        task.phase = Phase.READY
        if isinstance(asked, Call):
            task.phase, task.call, task.sent_at = Phase.AT_SERVICE, asked, self.now
        elif isinstance(asked, Sleep):
            task.wake = asked.until
        elif isinstance(asked, Join):
            task.joined = asked.tasks
        else:
            raise TypeError(f"{task.name} awaits something that is not simulated: {asked!r}")

    def _end(self, task: Task) -> None:
        task.phase = Phase.DONE
        self.tasks.remove(task)

    def crash(self, host: str) -> None:
        """End everything on the host; what it had sent may still arrive."""
        self.log("crash", host)
        for task in [task for task in self.tasks if task.host == host]:
            if not task.is_done:
                self.kill(task)

    def kill(self, task: Task) -> None:
        """End one task, and what it waits for, at its await."""
        for child in task.joined:
            if not child.is_done:
                self.kill(child)
        call = task.call
        if task.phase is Phase.AT_SERVICE and call is not None and call.kind != "read":
            self.orphans.append(Orphan(call, task.sent_at))
        task.coroutine.close()
        self._end(task)

    def land(self, *, all_of_them: bool = False) -> None:
        """A request whose sender is dead arrives, or is lost; what nobody waits for cannot fail."""
        while self.orphans:
            orphan = self.orphans.pop(int(self.random.random() * len(self.orphans)))
            dead = orphan.call.kind == "post" and self.now - orphan.sent_at > _POST_LIVES
            if not dead and self.random.random() < 0.6:
                try:
                    orphan.call.effect()
                    self.log("orphan did", *orphan.call.label)
                except Exception as error:  # noqa: BLE001 - nobody is there to hear
                    self.log("orphan failed", *orphan.call.label, type(error).__name__)
            if not all_of_them:
                return


def _reraise(task: Task, failure: Exception) -> None:
    raise failure
