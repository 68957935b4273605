"""What every keeper of raw bodies promises."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from detector.adapters.blob_bodies import open_container
from detector.adapters.folder_bodies import FolderBodies
from detector.ports import Bodies

NAME = "0123456789abcdef/00000000000000000041/000002/0123456789abcdef"
OTHER = "0123456789abcdef/00000000000000000042/000000/0123456789abcdef"


@pytest.fixture(params=["folder", "azurite"])
async def bodies(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Bodies]:
    """An empty keeper: neither folder nor container is there yet."""
    if request.param == "folder":
        keeper: Bodies = FolderBodies(tmp_path / "dead" / "letters")
    else:
        keeper = open_container(request.getfixturevalue("azurite_account"))
    yield keeper
    await keeper.close()


@pytest.mark.parametrize("body", [b"", b"\x00\xff not JSON", b"x" * (1 << 20)], ids=len)
async def test_a_body_comes_back_byte_for_byte(bodies: Bodies, body: bytes) -> None:
    refused = await bodies.put({NAME: body})

    assert refused == {}
    assert await bodies.get(NAME) == body


async def test_what_was_never_kept_is_none(bodies: Bodies) -> None:
    before = await bodies.get(NAME)
    await bodies.put({OTHER: b"{}"})

    assert (before, await bodies.get(NAME)) == (None, None)


async def test_keeping_a_body_twice_is_keeping_it_once(bodies: Bodies) -> None:
    many = {f"{NAME[:-4]}{n:04d}": b"%d" % n for n in range(20)}

    first, second = await bodies.put(many), await bodies.put(many)

    assert (first, second) == ({}, {})
    assert [await bodies.get(name) for name in many] == [*many.values()]


async def test_a_removed_body_is_gone_and_removing_it_again_is_fine(bodies: Bodies) -> None:
    await bodies.put({NAME: b"1", OTHER: b"2"})

    await bodies.delete(NAME)
    await bodies.delete(NAME)

    assert (await bodies.get(NAME), await bodies.get(OTHER)) == (None, b"2")
