"""A dead letter's original: the body that was kept, else the message at its place."""

from pathlib import Path

from detector.core.reading import Message
from detector.settings import read_hub
from detector.state.dead_letters import DeadLetter, DeadLetters

_IGNORED = b'{"category":"none"},'
"""A record that every reader passes over: it keeps the places of a record's neighbours."""


async def original(letter: DeadLetter, letters: DeadLetters) -> Message | None:
    """The message to read again, None where the body is gone.

    A kept body goes first; it may be one record of a message. Else the file or the hub is read.
    """
    rejected = letter.rejected
    body = await letters.body(letter)
    if body is not None:
        if rejected.index:
            body = b'{"records":[' + _IGNORED * rejected.index + body + b"]}"
        return Message(body, rejected.source, rejected.sequence, rejected.enqueued)
    path = Path(rejected.source)
    if path.is_file():
        return _from_file(path, letter)
    if rejected.enqueued is not None:  # only a hub says when it took a message
        return await _from_hub(letter)
    return None


def _from_file(path: Path, letter: DeadLetter) -> Message | None:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number == letter.rejected.sequence:
                return Message(line.strip(), letter.rejected.source, number)
    return None


async def _from_hub(letter: DeadLetter) -> Message | None:
    from detector.adapters.event_hub.reader import read_one
    from detector.cli.eventhub import hub_address

    rejected = letter.rejected
    partition = rejected.source.rpartition("/")[2]
    group = read_hub().consumer_group
    found = await read_one(hub_address(None, None), partition, rejected.sequence, group=group)
    if found is None:
        return None
    enqueued = found.enqueued or rejected.enqueued
    return Message(found.body, rejected.source, found.sequence, enqueued)
