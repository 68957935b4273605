"""Why a user's window was or was not a finding: every condition, held or how far from it."""

from collections.abc import Iterator
from dataclasses import dataclass

from detector.core.policy import Policy
from detector.core.rules import GATES, gates_passed
from detector.core.summary import Summary


@dataclass(frozen=True, slots=True)
class Distance:
    """One condition of a gate: `missing` is how much more it would have taken, 0 where it held."""

    gate: str
    column: str
    value: float
    threshold: float
    missing: float

    @property
    def held(self) -> bool:
        """Whether the condition held."""
        return self.missing == 0


def distances(summary: Summary, policy: Policy) -> list[Distance]:
    """Every condition of the policy's gates at one summary, in the table's order."""
    return list(_distances(summary, policy))


def _distances(summary: Summary, policy: Policy) -> Iterator[Distance]:
    for gate, conditions in GATES.items():
        for column, name in conditions:
            threshold: float | None = getattr(policy.access_threshold, name)
            if threshold is not None:
                value: float = getattr(summary, column)
                missing = 0 if value > threshold else threshold + 1 - value
                yield Distance(gate, column, value, threshold, missing)


def nearest(summary: Summary, policy: Policy) -> tuple[str, list[Distance]] | None:
    """The gate that was closest to passing, with what it lacked; None when one passed."""
    if gates_passed(summary, policy):
        return None
    gates: dict[str, list[Distance]] = {}
    for distance in distances(summary, policy):
        gates.setdefault(distance.gate, []).append(distance)
    if not gates:
        return None
    return min(gates.items(), key=lambda item: max(d.missing / (d.threshold + 1) for d in item[1]))
