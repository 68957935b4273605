"""Takes a batch that never ends apart, so that a partition does not stop for ever.

The reader never raises, so this is for what nobody has thought of: a message that makes the code
raise, or kills the process. Only a fault of the store stops a partition, and a store that is slow
has one: neither it, nor a host that is shut down, makes a dead letter of anything.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from detector.core.activity import Rejected
from detector.core.reading import Message
from detector.ports import StoreUnavailableError
from detector.state.attempts import Attempt
from detector.state.store import State

BATCH_TRIES = 3
"""Tries of a batch as a whole; then its messages are taken one by one."""

DEATHS = 10
"""Processes that may die at one message alone; then it is a dead letter.

Writing a message takes as long as the store does, so it may well be the host that is killed. Ten
in a row at the same message, with all before it written, are the message's doing. One that raises
does not take so long: it goes at once.
"""

BATCH_SECONDS = 240.0
"""For one try of a batch. Below the host's functionTimeout: what the host stops, it checkpoints."""

PART_BYTES = 4 << 20
"""Bodies that are read at once: between two parts the deadline is looked at, and memory given back.

About as much as a second of reading; a batch of Defender's is hardly ever larger.
"""

Take = Callable[[Sequence[Message]], Awaitable[None]]


async def take_apart(
    messages: Sequence[Message],
    take: Take,
    state: State,
    now: int,
    *,
    host: str,
    seconds: float = BATCH_SECONDS,
) -> int:
    """Take the batch with `take`; returns how many messages had to be taken out.

    One that has failed thrice, or is not done in `seconds`, is taken message by message, from
    where the last try came to. `host` tells this process from every other. Raises
    StoreUnavailableError, and whatever `take` raised while the batch may be tried again.
    """
    attempt = await state.attempts.begin(messages[0].source, _name(messages[0]), host)
    batch = _Batch(take, state, now, host, attempt)
    try:
        async with asyncio.timeout(seconds):
            await batch.run(messages)
    except TimeoutError as error:
        await _leave(state, replace(batch.attempt, apart=True))
        raise StoreUnavailableError(f"a batch was not done in {seconds:.0f} s") from error
    except (StoreUnavailableError, asyncio.CancelledError):
        await _leave(state, batch.attempt)
        raise
    except Exception:
        await _leave(state, _failed(batch.attempt))
        raise
    await state.attempts.end(messages[0].source)
    return batch.taken_out


@dataclass(slots=True)
class _Batch:
    """One try of a batch; `attempt` remembers how far it came."""

    take: Take
    state: State
    now: int
    host: str
    attempt: Attempt
    taken_out: int = 0

    async def run(self, messages: Sequence[Message]) -> None:
        left = _left(messages, self.attempt.done)
        if self.attempt.apart or self.attempt.failures >= BATCH_TRIES:
            for message in left:
                await self._take_alone(message)
                await self._come_to(message)
            return
        for part in _parts(left):
            await self.take(part)
            if part[-1] is not messages[-1]:
                await self._come_to(part[-1])

    async def _come_to(self, message: Message) -> None:
        self.attempt = replace(self.attempt, done=_name(message))
        await self.state.attempts.save(self.attempt, self.host)

    async def _take_alone(self, message: Message) -> None:
        source = f"{message.source} message {message.sequence}"
        attempt = await self.state.attempts.begin(source, _name(message), self.host)
        reason = f"{DEATHS} processes died at it"
        if attempt.failures < DEATHS:
            try:
                await self.take([message])
                reason = ""
            except (StoreUnavailableError, TimeoutError, asyncio.CancelledError):
                await _leave(self.state, attempt)
                raise
            except MemoryError:  # perhaps another's fault: it counts as a death does
                await _leave(self.state, _failed(attempt))
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours go on
                reason = f"raised {type(error).__name__}"
        if reason:
            await self.state.dead_letters.add([_rejected(message, reason)], self.now)
            self.taken_out += 1
        await self.state.attempts.end(source)


async def _leave(state: State, attempt: Attempt) -> None:
    """Nobody is at it any more. If the store is away this process still knows that it lives."""
    with suppress(StoreUnavailableError):
        if attempt.failures or attempt.apart or attempt.done:
            await state.attempts.save(attempt)
        else:
            await state.attempts.end(attempt.source)


def _failed(attempt: Attempt) -> Attempt:
    return replace(attempt, failures=attempt.failures + 1)


def _name(message: Message) -> str:
    """What tells it from another message; a hub made anew counts from 0 again, but later."""
    return f"{message.sequence} {message.enqueued}"


def _left(messages: Sequence[Message], done: str) -> Sequence[Message]:
    """What comes after the message that an earlier try came to."""
    names = [_name(message) for message in messages]
    return messages[names.index(done) + 1 :] if done in names else messages


def _parts(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    start = size = 0
    for end, message in enumerate(messages):
        if end > start and size + len(message.body) > PART_BYTES:
            yield messages[start:end]
            start, size = end, 0
        size += len(message.body)
    if messages:
        yield messages[start:]


def _rejected(message: Message, reason: str) -> Rejected:
    return Rejected(
        reason=reason,
        where=f"{message.source}, sequence number {message.sequence}",
        source=message.source,
        sequence=message.sequence,
        index=0,
        size=len(message.body),
        sha256=sha256(message.body).hexdigest(),
        enqueued=message.enqueued,
        body=message.body,
    )
