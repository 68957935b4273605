"""Targets that write what leaves: every text of a record through every way out."""

import asyncio
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from detector.adapters.console import ConsoleSink
from detector.adapters.graph.payload import alert_input, change_comment, marker, surge_input
from detector.adapters.json_lines import JsonLinesSink
from detector.adapters.logs_ingestion import sentinel_row, surge_row
from detector.core.episode import Delivery
from detector.core.evidence import Evidence
from detector.core.hunting import hunting_queries
from detector.page import render_page
from detector.ports import Surge
from tests.fuzz.engine import Run
from tests.fuzz.samples import NOW
from tests.hostile import checks
from tests.loopback.graph import contract
from tests.support.evidence import hostile_evidence

_CLIPPED = 1_000


@contextmanager
def texts() -> Iterator[Run]:
    """A hostile text wherever evidence can have one: through the sinks, the page, the queries."""
    with TemporaryDirectory(prefix="detector-fuzz-") as folder, asyncio.Runner() as runner:

        def run(body: bytes) -> None:
            text = body.decode("utf-8", "replace")[:_CLIPPED]
            evidence = hostile_evidence(text)
            sent(evidence)
            runner.run(printed(evidence, Path(folder) / "alerts.jsonl"))
            checks.is_page(render_page([evidence], rendered_at=NOW))
            for title, query in hunting_queries(evidence):
                checks.is_query(query, title)

        yield run


def sent(evidence: Evidence) -> None:
    """Graph's bodies and Sentinel's rows."""
    reference = marker(evidence.episode_id)
    surge = Surge(surge_id="5" * 32, opened_at=NOW, waiting=9, alerts=[evidence])
    alert = alert_input(evidence, reference)
    for given in (alert, surge_input(surge, reference)):
        sent_body = json.loads(json.dumps({"createAlertInput": given}))
        assert contract.CREATE_ALERT_BODY(sent_body) is None, "Graph would refuse it"
        checks.is_plain(f"{given['title']}\n{given['description']}", "alert")
    checks.is_visible(str(alert["recommendedActions"]), "recommended actions")
    checks.is_plain(change_comment(evidence), "comment")
    for row in (sentinel_row(evidence, NOW), surge_row(surge, NOW)):
        for name, value in row.model_dump().items():
            for text in value if isinstance(value, list) else [value]:
                checks.is_plain(str(text), name)


async def printed(evidence: Evidence, file: Path) -> None:
    """The terminal and the JSON lines."""
    terminal = io.StringIO()
    await ConsoleSink(Console(file=terminal)).deliver(evidence, Delivery(), NOW)
    checks.is_terminal_text(terminal.getvalue(), "console")
    file.unlink(missing_ok=True)
    await JsonLinesSink(file).deliver(evidence, Delivery(), NOW)
    written = file.read_text(encoding="utf-8")
    checks.is_json_lines(written, "JSON lines")
    assert json.loads(written)["evidence"]["account_object_id"] == evidence.account_object_id


def text_samples() -> Sequence[bytes]:
    """Texts that mean something to somebody."""
    texts = (
        "<script>alert(1)</script>", "[click](https://evil.example.com)", '" or true //',
        "a\nb\r\nc", "\u202egnp.exe\u2066", "\x1b[31m\x9b2J", "`code` |table| **bold**",
        "(ref:cfm-0)", "\u2028\u2029",
        "'; drop table", "\\", "\\u0022", "{{ 7 * 7 }}", "[bold red]x[/]", "javascript:alert(1)",
    )  # fmt: skip
    return [text.encode() for text in texts]
