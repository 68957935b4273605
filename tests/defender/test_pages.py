"""The evidence page, from the command line and from the function app behind Easy Auth."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command
from tests.support.events import a_theft
from tests.support.product import DrivenClock, Product
from tests.support.worker import Worker

ROOT = Path(__file__).parents[2]


def test_a_page_is_written_that_needs_nothing_else(
    command: Command, three: dict[str, str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"

    result = command("alerts", "show", three["Thief"], "--html", page)

    assert result.code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Thief" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_a_usage_error(
    command: Command, three: dict[str, str], tmp_path: Path
) -> None:
    result = command("alerts", "show", three["Thief"], "--html", tmp_path)

    assert (result.code, "cannot be written" in result.err) == (2, True)


def test_the_page_is_served_to_whom_easy_auth_has_let_in(
    store: Path, play: Any, clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(product: Product) -> str:
        await product.feed(a_theft(clock.ticks, name="<b>Mallory</b>"))
        await product.minutes(1)
        return (await product.episode()).episode_id

    episode = play(work)
    monkeypatch.setenv("DETECTOR_STORE", f"sqlite:{store}")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "true")
    headers = {"X-MS-CLIENT-PRINCIPAL-ID": "00000000-0000-0000-0000-000000000042"}

    with Worker(ROOT) as worker:
        answer = worker.invoke_http("evidence", params={"episode": episode}, headers=headers)

    page = answer.body.decode()
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert ("&lt;b&gt;Mallory" in page, "<b>Mallory" in page) == (True, False)
