"""The Event Hub and its host: partitions, checkpoints, owners who may not know they lost it."""

from dataclasses import dataclass, field

from detector.core.reading import Message


@dataclass(slots=True)
class Lease:
    """One host's hold on a partition; who has lost it learns of it late, or never."""

    host: str
    lost: bool = False


@dataclass(slots=True)
class Partition:
    """A log of bodies, of which the first `len(messages)` have arrived."""

    name: str
    bodies: list[bytes] = field(default_factory=list[bytes])
    messages: list[Message] = field(default_factory=list[Message])
    checkpoint: int = 0
    lease: Lease | None = None
    epoch: int = 0

    @property
    def source(self) -> str:
        """As the product is told."""
        return f"hub/cloudappevents/{self.name}"

    @property
    def is_consumed(self) -> bool:
        """Everything has arrived and is checkpointed."""
        return self.checkpoint == len(self.messages) == len(self.bodies)

    def reveal(self, now: int) -> Message:
        """The next message arrives."""
        sequence = len(self.messages)
        message = Message(self.bodies[sequence], self.source, sequence, now)
        self.messages.append(message)
        return message

    def claim(self, host: str) -> Lease:
        """A host takes the partition; whoever had it becomes a zombie."""
        if self.lease is not None:
            self.lease.lost = True
        self.lease = Lease(host)
        return self.lease

    def recreate(self) -> None:
        """Hub and checkpoints are deleted and made again: sequence numbers begin at 0."""
        self.bodies = self.bodies[len(self.messages) :]
        self.messages = []
        self.checkpoint = 0
        self.epoch += 1
