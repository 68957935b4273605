"""An AlertSink that keeps what it is told: the port's rules, with nothing behind them."""

from dataclasses import replace

from detector.core.delivery import needs_alert
from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.ports import AlertSink, Limits, Resolution, Surge


class MemorySink(AlertSink):
    """`created` holds the instant and severity of every alert, `told` every revision."""

    def __init__(self, limits: Limits | None = None, *, name: str = "memory") -> None:
        self.name = name
        self.limits = limits
        self.created: list[tuple[int, str]] = []
        self.told: list[Evidence] = []
        self.surges: list[Surge] = []
        self.failures: list[Exception] = []
        self.verdicts: dict[str, str] = {}
        self.asked: list[str] = []
        self.is_closed = False

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        self._fail()
        if needs_alert(delivery, evidence.severity):
            self.created.append((now, evidence.severity))
        self.told.append(evidence)
        return replace(
            delivery, alert_id=f"alert {evidence.episode_id}", incident_id=evidence.episode_id
        )

    async def announce(self, surge: Surge, delivery: Delivery, now: int) -> Delivery:
        self._fail()
        self.created.append((now, "surge"))
        self.surges.append(surge)
        return replace(delivery, alert_id=surge.surge_id)

    async def resolution(self, delivery: Delivery) -> Resolution | None:
        if not delivery.incident_id:
            return None
        self.asked.append(delivery.incident_id)
        self._fail()
        verdict = self.verdicts.get(delivery.incident_id)
        return Resolution(
            resolved=verdict is not None,
            classification=verdict or "",
            incident_id=delivery.incident_id,
        )

    async def close(self) -> None:
        self.is_closed = True

    def _fail(self) -> None:
        """The next scripted failure, if there is one."""
        if self.failures:
            raise self.failures.pop(0)
