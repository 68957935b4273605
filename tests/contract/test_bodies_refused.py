"""Bodies that cannot be kept: a fault that passes puts off, everything else is said and left."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from detector.adapters.blob_bodies import BlobBodies, open_container
from detector.adapters.folder_bodies import FolderBodies
from detector.ports import StoreUnavailableError
from detector.settings import Settings, SettingsError
from detector.wiring import open_bodies
from tests.support.azurite import Azurite
from tests.support.faulty import Fault, Faulty, faulty

NAME = "0123456789abcdef/00000000000000000041/000002/0123456789abcdef"
FOR_NOW = {"x-ms-error-code": "ServerBusy", "Retry-After": "0"}


@pytest.fixture
async def loopback(azurite_server: Azurite) -> AsyncGenerator[Faulty]:
    async with faulty(f"http://127.0.0.1:{azurite_server.ports['Blob']}") as between:
        yield between


@pytest.fixture
async def bodies(azurite_server: Azurite, loopback: Faulty) -> AsyncGenerator[BlobBodies]:
    account = next(azurite_server.unused)
    direct = f"http://127.0.0.1:{azurite_server.ports['Blob']}"
    setting = azurite_server.connection_string(account).replace(direct, loopback.url)
    keeper = open_container(setting, backoff=0)
    assert await keeper.put({NAME: b"kept"}) == {}
    yield keeper
    await keeper.close()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_fault_that_passes_puts_the_batch_off(
    bodies: BlobBodies, loopback: Faulty, status: int
) -> None:
    for doing in (bodies.put({NAME: b"{}"}), bodies.get(NAME), bodies.delete(NAME)):
        loopback.faults = [Fault("answer", status, headers=FOR_NOW)] * 9

        with pytest.raises(StoreUnavailableError, match="Blob Storage: ServerBusy"):
            await doing


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AuthorizationPermissionMismatch"), (404, "ResourceNotFound")]
)
async def test_a_refusal_is_said_and_puts_nothing_off(
    bodies: BlobBodies, loopback: Faulty, status: int, code: str
) -> None:
    loopback.faults = [Fault("answer", status, headers={"x-ms-error-code": code})] * 2

    refused = await bodies.put({NAME: b"{}"})
    await bodies.delete(NAME)

    assert refused == {NAME: code}
    assert await bodies.get(NAME) == b"kept"


async def test_an_address_where_nobody_answers_refuses() -> None:
    keeper = open_container(
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
        "BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;",
        backoff=0,
    )

    refused = await keeper.put({NAME: b"{}"})
    await keeper.close()

    assert refused == {NAME: "ServiceRequestError"}


async def test_a_folder_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    keeper = FolderBodies(tmp_path / "file")

    refused = await keeper.put({NAME: b"{}"})
    await keeper.delete(NAME)

    assert [*refused] == [NAME]
    with pytest.raises(StoreUnavailableError, match="Not a directory"):
        await keeper.get(NAME)


@pytest.mark.parametrize("setting", ["file:", "nonsense", "http://example.com/x"])
def test_a_setting_that_is_no_place_is_refused_by_name(setting: str) -> None:
    with pytest.raises(SettingsError, match="DETECTOR_DEAD_LETTER_BODIES: "):
        open_bodies(Settings(dead_letter_bodies=setting))


def test_nothing_is_kept_where_nobody_asks() -> None:
    assert open_bodies(Settings()) is None


async def test_an_address_is_opened_as_the_identity_without_asking_anybody() -> None:
    keeper = open_bodies(
        Settings(dead_letter_bodies="https://example.blob.core.windows.net/dead-letters")
    )

    assert isinstance(keeper, BlobBodies)
    await keeper.close()
