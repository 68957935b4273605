"""The evidence page, from the command line and from the function app behind Easy Auth."""

from pathlib import Path

from tests.support.command import Command


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
