"""Answers that Graph should never give: the client does not act on them."""

import json

import pytest
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.models.security.incident import Incident

from detector.adapters.graph.client import CreatedAlert, GraphClient, Version
from detector.adapters.graph.errors import UnknownOutcomeError
from tests.loopback.graph_cases import MARKER, an_input

ROOT = "https://graph.example.com"


class Replayed:
    """A connection that answers what it was given, in order, and counts what it was asked."""

    root = ROOT

    def __init__(self, *answers: bytes | dict[str, object]) -> None:
        self._answers = [a if isinstance(a, bytes) else json.dumps(a).encode() for a in answers]
        self.asked = 0

    async def send(self, version: Version, request: RequestInformation) -> bytes:
        assert version in ("alerts", "v1.0")
        assert request.http_method is not None
        self.asked += 1
        return self._answers.pop(0)

    def patch_incident(self, incident_id: str, change: Incident) -> RequestInformation:
        raise AssertionError(f"{incident_id} must not be changed: {change}")

    async def close(self) -> None:
        """Nothing is open."""


def an_incident(number: str, **changes: object) -> dict[str, object]:
    """An incident as Graph answers it."""
    at = "2026-11-22T10:00:00.0000000Z"
    return {"id": number, "status": "active", "createdDateTime": at, **changes}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a page of a gateway"),
        pytest.param(b'{"id": "ea1"}', id="no incident"),
        pytest.param(b'{"id": 1, "incidentId": "1"}', id="another type"),
    ],
)
async def test_a_success_that_cannot_be_read_is_an_unknown_outcome(answer: bytes) -> None:
    with pytest.raises(UnknownOutcomeError):
        await GraphClient(Replayed(answer)).create_alert(an_input())


async def test_a_next_page_at_another_address_is_not_followed() -> None:
    link = "https://elsewhere.example.com/v1.0/security/alerts_v2?$skip=100"
    connection = Replayed({"value": [], "@odata.nextLink": link})

    with pytest.raises(UnknownOutcomeError):
        await GraphClient(connection).find_alerts(MARKER, "2026-11-22T10:00:00Z")

    assert connection.asked == 1


async def test_an_alert_that_is_on_two_pages_is_found_once() -> None:
    alert = {"id": "ea1", "incidentId": "1", "description": MARKER}
    link = f"{ROOT}/v1.0/security/alerts_v2?$skip=100"
    connection = Replayed({"value": [alert], "@odata.nextLink": link}, {"value": [alert]})

    found = await GraphClient(connection).find_alerts(MARKER, "2026-11-22T10:00:00Z")

    assert found == [CreatedAlert(alert_id="ea1", incident_id="1")]


async def test_a_list_without_an_end_is_given_up() -> None:
    link = f"{ROOT}/v1.0/security/alerts_v2?$skip=100"
    page: dict[str, object] = {"value": [], "@odata.nextLink": link}
    connection = Replayed(*[page] * 101)

    with pytest.raises(UnknownOutcomeError):
        await GraphClient(connection).find_alerts(MARKER, "2026-11-22T10:00:00Z")

    assert connection.asked == 100


async def test_redirects_in_a_circle_are_given_up() -> None:
    there, back = (
        an_incident("1", status="redirected", redirectIncidentId="2"),
        an_incident("2", status="redirected", redirectIncidentId="1"),
    )
    connection = Replayed(*[there, back] * 6)

    with pytest.raises(UnknownOutcomeError):
        await GraphClient(connection).get_incident("1")

    assert connection.asked == 10


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param([], id="not listed"),
        pytest.param([an_incident("2", alerts=[])], id="listed without alerts"),
        pytest.param(
            [an_incident("3", alerts=[{"id": "ea3", "incidentId": "3", "description": MARKER}])],
            id="another incident of the same instant",
        ),
    ],
)
async def test_an_incident_whose_alerts_are_not_seen_is_not_closed(listed: object) -> None:
    duplicate = CreatedAlert(alert_id="ea2", incident_id="2")
    connection = Replayed(
        an_incident("2"), an_incident("1"), {"value": listed}, an_incident("2"), {"value": []}
    )

    closed = await GraphClient(connection).resolve_duplicate(duplicate, of="1", marker=MARKER)

    assert closed is False
    assert connection.asked == 5
