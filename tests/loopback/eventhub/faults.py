"""Faults a test may order. A cut happens once, then the peer behaves again."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong next. Counts are of events, over all connections."""

    down: bool = False
    """Cut new connections at once; those that are open go on."""
    delay: float = 0.0
    """Seconds to wait before each delivery is taken and before each event is handed out."""
    drop_after_accepted: int | None = None
    """Log this many events, then cut the connection instead of acknowledging the last batch."""
    drop_after_delivered: int | None = None
    """Hand out this many events, then cut the connection of the reader that got the last one."""

    def accepted(self, events: int) -> bool:
        """Count events just logged; true when the connection must be cut now."""
        if self.drop_after_accepted is None:
            return False
        left = self.drop_after_accepted - events
        self.drop_after_accepted = left if left > 0 else None
        return left <= 0

    def delivered(self) -> bool:
        """Count an event just handed out; true when the connection must be cut now."""
        if self.drop_after_delivered is None:
            return False
        left = self.drop_after_delivered - 1
        self.drop_after_delivered = left if left > 0 else None
        return left <= 0
