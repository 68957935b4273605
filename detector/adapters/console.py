"""Alerts on a terminal: when, who, what held and by how much, and what to do first."""

from dataclasses import replace

from rich.console import Console
from rich.markup import escape

from detector.core.episode import Delivery, Transition
from detector.core.evidence import Evidence
from detector.core.report import clock_time, first_steps, held, story, title
from detector.ports import AlertSink

_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "bold cyan"}


class ConsoleSink(AlertSink):
    """Prints an alert when it opens, a line when it becomes graver or ends."""

    name = "console"

    def __init__(self, console: Console) -> None:
        """Print on this console."""
        self._console = console

    async def deliver(self, evidence: Evidence, delivery: Delivery, now: int) -> Delivery:
        """Print the alert; always succeeds."""
        if delivery.sent_revision and evidence.transition is not Transition.REOPENED:
            if evidence.transition is Transition.CLOSED or (
                evidence.severity != delivery.sent_severity
            ):
                self._print_change(evidence)
        else:
            self._print_alert(evidence, now)
        return replace(delivery, alert_id=evidence.episode_id)

    def _print_alert(self, evidence: Evidence, now: int) -> None:
        style = _STYLES.get(evidence.severity, "bold")
        heading = f"[{style}]{evidence.severity.upper():<13}[/] {_safe(title(evidence))}"
        self._console.print(f"{clock_time(now)}  {heading}", soft_wrap=True)
        self._line("what", story(evidence))
        self._line("why", f"{evidence.indicator} · {'; '.join(held(evidence))}")
        alone = "fires too" if evidence.source_alone else "stays silent"
        self._line("query", f"the source query alone {alone}")
        self._line("next", first_steps(evidence)[0])
        self._line("id", evidence.episode_id)
        self._console.print()

    def _print_change(self, evidence: Evidence) -> None:
        now_is = "" if evidence.transition is Transition.CLOSED else " to"
        self._console.print(
            f"{clock_time(evidence.frozen_at)}  [dim]{evidence.transition.value}{now_is}[/] "
            f"[{_STYLES.get(evidence.severity, 'bold')}]{evidence.severity.upper()}[/]  "
            f"{_safe(title(evidence))}\n",
            soft_wrap=True,
        )

    def _line(self, name: str, text: str) -> None:
        self._console.print(f"          [dim]{name:<6}[/] {_safe(text)}", soft_wrap=True)


def _safe(text: str) -> str:
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text))
