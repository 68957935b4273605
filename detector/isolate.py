"""Takes a batch that never ends apart, so that a partition does not stop for ever.

The reader never raises, so this is for what nobody has thought of: a message that makes the code
raise, or kills the process. Only a fault of the store stops a partition.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from hashlib import sha256

from detector.core.activity import Rejected
from detector.core.reading import Message
from detector.ports import StoreUnavailableError
from detector.state.store import State

BATCH_TRIES = 3
"""Tries of a batch as a whole; then its messages are taken one by one."""

MESSAGE_TRIES = 3
"""Tries of one message alone; then it is a dead letter."""

Take = Callable[[Sequence[Message]], Awaitable[None]]


async def take_apart(messages: Sequence[Message], take: Take, state: State, now: int) -> None:
    """Take the batch with `take`; one that has failed thrice is taken message by message.

    Raises StoreUnavailableError, and whatever `take` raised while the batch may be tried again.
    """
    source, name = messages[0].source, f"{messages[0].sequence}"
    if await state.attempts.begin(source, name) <= BATCH_TRIES:
        await _take(messages, take, state, source)
        return
    for message in messages:
        await _take_alone(message, take, state, now)
    await state.attempts.end(source)


async def _take(messages: Sequence[Message], take: Take, state: State, source: str) -> None:
    try:
        await take(messages)
    except StoreUnavailableError:
        with suppress(StoreUnavailableError):
            await state.attempts.end(source)
        raise
    await state.attempts.end(source)


async def _take_alone(message: Message, take: Take, state: State, now: int) -> None:
    source = f"{message.source} message {message.sequence}"
    reason = "begun three times and never ended"
    if await state.attempts.begin(source, "alone") <= MESSAGE_TRIES:
        try:
            await _take([message], take, state, source)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours go on
            reason = f"raised {type(error).__name__}"
        else:
            return
    await state.dead_letters.add([_rejected(message, reason)], now)
    await state.attempts.end(source)


def _rejected(message: Message, reason: str) -> Rejected:
    return Rejected(
        reason=reason,
        where=f"{message.source}, sequence number {message.sequence}",
        source=message.source,
        sequence=message.sequence,
        index=0,
        size=len(message.body),
        sha256=sha256(message.body).hexdigest(),
    )
