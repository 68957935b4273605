"""How far a partition was read, and what its sequence numbers say of messages that never came."""

from collections.abc import Sequence
from dataclasses import replace

from detector.core.reading import Message
from detector.state.meta import SourceState


def progress(before: SourceState, messages: Sequence[Message], now: int) -> SourceState:
    """The source's state after a batch.

    A jump ahead of the highest number seen is a gap: so many messages expired unread. A number
    below it is a redelivery, and changes nothing, unless its message was enqueued later than
    everything seen: then the hub was made anew and counts from 0 again, which loses nothing.
    """
    first, last = messages[0].sequence, messages[-1].sequence
    enqueued = max((m.enqueued for m in messages if m.enqueued is not None), default=0)
    oldest = min((m.enqueued for m in messages if m.enqueued is not None), default=0)
    known = before.last_sequence >= 0
    anew = known and first <= before.last_sequence and oldest > before.last_enqueued_at
    if known and not anew and last <= before.last_sequence:
        return replace(before, received_at=now)
    gap = max(first - before.last_sequence - 1, 0) if known and not anew else 0
    return replace(
        before,
        last_sequence=last,
        last_enqueued_at=max(enqueued, before.last_enqueued_at),
        received_at=now,
        gaps=before.gaps + gap,
        recreated=before.recreated + anew,
    )
