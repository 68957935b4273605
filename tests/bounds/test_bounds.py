"""One account at full speed, one with a million faces, very many accounts: what they may cost.

Full size: `python -m tests.bounds`. Here the same bounds at sizes that take seconds.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.activity import without_texts
from detector.core.instant import HOUR, SECOND
from detector.core.reading import Reading
from detector.core.report import story, title
from detector.core.summary import summarise
from detector.ingest import ingest
from detector.state import ledger
from detector.state.keys import WINDOWS
from detector.state.store import State
from detector.wiring import make_detector
from tests.bounds.limits import SMALL, broken, run
from tests.bounds.measure import Measured
from tests.bounds.streams import SHAPES, Shape
from tests.support.activities import ALICE, NOON, RECOMMENDED, WORDS, activity, search, views


@pytest.mark.parametrize("shape", SHAPES)
def test_a_case_keeps_its_bounds_over_sqlite(shape: Shape, tmp_path: Path) -> None:
    found = run(shape, SMALL[shape], f"sqlite:{tmp_path / 'state.db'}")

    assert broken(found) == []


@pytest.mark.parametrize("shape", ["burst", "agents", "crawl"])
def test_one_user_writes_as_few_rows_over_table_storage(shape: Shape, azurite_account: str) -> None:
    found = run(shape, 5_000, "azure", azurite_account)

    assert broken(found) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"written": 30_001}, "30.0 rows for 1,000 events, more than 30"),
        ({"peak_mb": 513}, "513.0 MB, more than 512"),
        ({"fold_seconds": 2.5}, "2.5 CPU seconds of one evaluation, more than 2"),
        ({"hits": 0}, "the user is no hit"),
        ({"unread": 0}, "not all was looked at, and nothing says so"),
        ({"story": "100,000 actions"}, "the alert does not say >= N"),
        ({"total_actions": 9}, "too few were looked at"),
        ({"titles": ("\0stand-in",)}, "a stand-in is shown as a title"),
    ],
)
def test_a_bound_that_is_not_kept_is_told(changes: dict[str, object], said: str) -> None:
    kept = Measured(
        shape="burst",
        events=1_000_000,
        hits=1,
        total_actions=100_000,
        unread=900_000,
        story="at least 100,000 actions",
    )

    assert broken(kept) == []
    assert broken(replace(kept, **changes)) == [said]


# ── saturation ──

EARLIER = NOON - HOUR


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty activities are the most that is looked at."""
    monkeypatch.setattr(ledger, "MOST_LOADED", 50)


async def test_beyond_the_cap_the_alert_says_at_least(few: None, rows: SqliteRows) -> None:
    detector = make_detector(rows, RECOMMENDED, [])
    for start in range(0, 240, 24):
        await into(detector.state, views(24, start=EARLIER + start * SECOND))

    report = await detector.evaluator.evaluate(NOON)

    ((_, episode),) = report.episodes
    (evidence,) = await detector.state.evidence.of(episode.episode_id)
    (window,) = await rows.scan_all(WINDOWS)
    assert (evidence.total_actions, evidence.unread, window.values["Unread"]) == (48, 192, 192)
    assert "at least 48 actions" in story(evidence)
    assert "at least 24 pages read" in title(evidence)


async def test_what_is_grave_is_looked_at_before_everything_else(
    few: None, rows: SqliteRows
) -> None:
    """A flood of page views after a theft does not hide it."""
    detector = make_detector(rows, RECOMMENDED, [])
    theft = [search(EARLIER), activity(EARLIER + 1, "SpaceExported")]
    await into(detector.state, theft)
    for start in range(0, 200, 20):
        await into(detector.state, views(20, start=EARLIER + start * SECOND))

    report = await detector.evaluator.evaluate(NOON)

    ((_, verdict),) = report.windows
    assert verdict.user_summary is not None
    assert verdict.user_summary.sensitive_search_count == 1
    assert verdict.user_summary.space_export_count == 1


async def test_a_flood_that_does_not_count_hides_nothing_that_does(
    few: None, rows: SqliteRows
) -> None:
    detector = make_detector(rows, RECOMMENDED, [])
    await into(detector.state, views(45, start=EARLIER))
    for start in range(0, 200, 20):
        noise = [activity(EARLIER + start + n, "confluence_noise") for n in range(20)]
        await into(detector.state, noise)

    report = await detector.evaluator.evaluate(NOON)

    assert report.hits == 1


async def test_an_open_episode_is_not_closed_by_what_was_not_looked_at(
    few: None, rows: SqliteRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = make_detector(rows, RECOMMENDED, [])
    for n in range(60):
        noise = [activity(EARLIER + n, "confluence_noise") for _ in range(4)]
        await into(detector.state, [*noise, *views(1, start=EARLIER + n)])
    monkeypatch.setattr(ledger, "MOST_LOADED", 1_000)
    before = await detector.evaluator.evaluate(NOON)
    await into(detector.state, views(1, start=NOON))
    monkeypatch.setattr(ledger, "MOST_LOADED", 12)

    report = await detector.evaluator.evaluate(NOON + SECOND)

    (stored,) = await detector.state.episodes.every()
    assert (before.hits, report.hits, stored.episode.is_open) == (1, 0, True)


def test_a_stand_in_is_no_sample_of_titles() -> None:
    window = [without_texts(a) for a in views(5)] + views(2, start=NOON + 100)

    found = summarise(ALICE, window, WORDS["source"])

    assert found is not None
    assert (found.sample_titles, found.unique_pages) == (("Page 0", "Page 1"), 5)


async def into(state: State, activities: list) -> None:
    """One batch of these."""
    await ingest(
        Reading(activities=activities),
        state=state,
        policy=RECOMMENDED,
        vocabulary=WORDS["recommended"],
        now=NOON,
    )
