"""Messages that are missing are counted; what comes again, or from a new hub, is not missed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from detector.adapters.sqlite import SqliteRows
from detector.core.instant import MINUTE
from detector.core.reading import Message
from detector.service import Service
from detector.settings import Settings
from detector.state.meta import SourceState
from detector.wiring import make_detector, make_source
from tests.support.product import RECOMMENDED, DrivenClock

NOON = DrivenClock().ticks


async def after(path: Path, *batches: tuple[int, int, int]) -> SourceState:
    """The source after batches of (first, last sequence number, minute)."""
    rows = SqliteRows(path, durable=False)
    detector = make_detector(rows, RECOMMENDED, [])
    service = Service(
        detector=detector,
        source=make_source(detector, Settings()),
        clock=lambda: NOON + 60 * MINUTE,
        log=lambda _: None,
    )
    for first, last, minute in batches:
        await service.ingest(a_batch(first, last, NOON + minute * MINUTE))
    (source,) = await detector.state.meta.sources()
    await rows.close()
    return source


def a_batch(first: int, last: int, enqueued: int) -> Sequence[Message]:
    body = b'{"records": []}'
    return [Message(body, "example/hub/0", n, enqueued) for n in range(first, last + 1)]


@pytest.mark.parametrize(
    ("batches", "gaps", "last"),
    [
        pytest.param([(5, 9, 1)], 0, 9, id="the first batch"),
        pytest.param([(0, 9, 1), (10, 19, 2)], 0, 19, id="one after the other"),
        pytest.param([(0, 9, 1), (12, 19, 2)], 2, 19, id="two are missing"),
        pytest.param([(0, 9, 1), (5, 14, 1)], 0, 14, id="other bounds"),
        pytest.param([(0, 9, 1), (0, 9, 1), (10, 19, 2)], 0, 19, id="redelivered"),
        pytest.param(
            [(0, 9, 1), (0, 4, 1), (10, 19, 2)],
            0,
            19,
            id="an owner that goes on ahead of a new one",
        ),
        pytest.param([(0, 9, 1), (0, 4, 2), (5, 9, 3)], 0, 9, id="a hub made again"),
        pytest.param([(0, 9, 1), (0, 4, 2), (7, 9, 3)], 2, 9, id="a hub made again, with a gap"),
    ],
)
async def test_only_a_jump_beyond_the_highest_number_is_a_gap(
    tmp_path: Path, batches: list[tuple[int, int, int]], gaps: int, last: int
) -> None:
    source = await after(tmp_path / "state.db", *batches)

    assert (source.gaps, source.last_sequence) == (gaps, last)
