"""The Azurite fixtures give real, separate and durable stores."""

import socket
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from tests.support.azurite import running_azurite


def test_tables_and_blobs_are_served(azurite: str) -> None:
    with TableServiceClient.from_connection_string(azurite) as tables:
        table = tables.create_table_if_not_exists("served")
        table.upsert_entity({"PartitionKey": "p", "RowKey": "r", "Word": "kept"})
        row = table.get_entity("p", "r")
    with BlobServiceClient.from_connection_string(azurite) as blobs:
        blob = blobs.create_container("served").upload_blob("b", b"kept")
        body = blob.download_blob().readall()

    assert (row["Word"], body) == ("kept", b"kept")


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_finds_its_account_empty(azurite_account: str, turn: str) -> None:
    with TableServiceClient.from_connection_string(azurite_account) as tables:
        tables.create_table("marks")
        with pytest.raises(ResourceExistsError):
            tables.create_table("marks")


def test_a_store_on_disk_survives_a_restart(tmp_path: Path) -> None:
    with (
        running_azurite(tmp_path) as server,
        TableServiceClient.from_connection_string(server.connection_string()) as tables,
    ):
        tables.create_table("marks").upsert_entity({"PartitionKey": "p", "RowKey": "r"})

    with (
        running_azurite(tmp_path) as server,
        TableServiceClient.from_connection_string(server.connection_string()) as tables,
    ):
        rows = list(tables.get_table_client("marks").list_entities())

    assert [row["RowKey"] for row in rows] == ["r"]


def test_nothing_listens_after_the_block() -> None:
    with running_azurite() as server:
        address = ("127.0.0.1", server.ports["Table"])
        socket.create_connection(address).close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
