"""The Graph client against the strict loopback: what it sends, and what it makes of answers."""

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from detector.adapters.graph.client import CreatedAlert, GraphClient
from detector.adapters.graph.errors import RefusedError
from detector.adapters.graph.roles import NEEDED, check_roles, missing_roles
from tests.adapters.graph_clients import open_client
from tests.loopback.graph import DETECTOR_ROLES, LoopbackGraph, Operation
from tests.loopback.graph_cases import MARKER, Clock, an_input

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]
SINCE = "2026-11-22T09:00:00.0000000Z"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def graph(clock: Clock) -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=clock) as server:
        yield server


@pytest.fixture
async def client(graph: LoopbackGraph) -> AsyncIterator[GraphClient]:
    async with open_client(graph) as connected:
        yield connected


async def test_an_alert_is_created_with_the_detectors_three_permissions(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    created = await client.create_alert(an_input())

    assert created == CreatedAlert(alert_id=next(iter(graph.alerts)), incident_id="128")
    assert graph.calls[0].path == "/beta/security/alerts_v2/createAlert"
    assert graph.alerts[created.alert_id].given == an_input()


async def test_the_version_of_create_alert_is_a_setting_and_the_rest_is_v1(clock: Clock) -> None:
    async with (
        LoopbackGraph(clock=clock, creates_in=("v1.0",)) as graph,
        open_client(graph, alerts_version="v1.0") as client,
    ):
        await client.create_alert(an_input())

    assert graph.calls[0].path == "/v1.0/security/alerts_v2/createAlert"


async def test_the_token_goes_to_the_allowed_host_only(graph: LoopbackGraph) -> None:
    credential = graph.credential()
    async with open_client(graph, credential, allowed_host="graph.microsoft.com") as client:
        with pytest.raises(RefusedError) as caught:
            await client.create_alert(an_input())

    assert (caught.value.status, credential.scopes) == (401, [])


async def test_alerts_are_found_by_their_marker_over_all_pages_oldest_first(
    clock: Clock,
) -> None:
    async with LoopbackGraph(clock=clock) as graph, open_client(graph) as client:
        first = await client.create_alert(an_input())
        for _ in range(150):
            await client.create_alert(an_input(description="Another episode"))
        second = await client.create_alert(an_input(title=MARKER, description="In the title"))

        found = await client.find_alerts(MARKER, SINCE)

    assert found == [first, second]
    assert len(graph.calls_of(Operation.LIST_ALERTS)) == 2


async def test_alerts_from_before_are_not_found(client: GraphClient, clock: Clock) -> None:
    await client.create_alert(an_input())
    clock.advance(60)
    later = await client.create_alert(an_input())

    assert await client.find_alerts(MARKER, "2026-11-22T10:01:00Z") == [later]


async def test_an_incident_is_followed_through_every_merge(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    a, b, c = [(await client.create_alert(an_input())).incident_id for _ in range(3)]
    graph.merge(a, into=b)
    graph.merge(b, into=c)

    incident = await client.get_incident(a)

    assert (incident.id, incident.status) == (c, "active")


async def test_a_persons_verdict_is_read(graph: LoopbackGraph, client: GraphClient) -> None:
    number = (await client.create_alert(an_input())).incident_id
    graph.classify(number, "falsePositive", "notMalicious")

    incident = await client.get_incident(number)

    assert (incident.status, incident.classification) == ("resolved", "falsePositive")
    assert incident.determination == "notMalicious"


async def test_tags_are_added_to_those_of_others_and_only_once(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    number = (await client.create_alert(an_input())).incident_id
    graph.incidents[number].custom_tags = ["night shift"]

    await client.tag_incident(number, ["T1213.001", "cfm"])
    await client.tag_incident(number, ["T1213.001", "cfm"])

    assert graph.incidents[number].custom_tags == ["night shift", "T1213.001", "cfm"]
    assert len(graph.calls_of(Operation.PATCH_INCIDENT)) == 1


async def test_a_repeated_comment_is_one_comment(graph: LoopbackGraph, client: GraphClient) -> None:
    number = (await client.create_alert(an_input())).incident_id

    await client.comment_incident(number, "Revision 1")
    await client.comment_incident(number, "Revision 1")
    await client.comment_incident(number, "Revision 2")

    assert [one.text for one in graph.incidents[number].comments] == ["Revision 1", "Revision 2"]


async def test_tags_and_comments_go_where_an_incident_was_merged_to(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    gone = (await client.create_alert(an_input())).incident_id
    stays = (await client.create_alert(an_input())).incident_id
    graph.merge(gone, into=stays)

    tagged = await client.tag_incident(gone, ["cfm"])
    await client.comment_incident(gone, "Revision 1")

    assert tagged.id == stays
    assert graph.incidents[stays].custom_tags == ["cfm"]
    assert len(graph.incidents[stays].comments) == 1


async def test_a_duplicate_is_closed_and_says_of_what(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    original = await client.create_alert(an_input())
    duplicate = await client.create_alert(an_input())

    closed = await client.resolve_duplicate(duplicate, of=original.incident_id, marker=MARKER)
    again = await client.resolve_duplicate(duplicate, of=original.incident_id, marker=MARKER)

    assert (closed, again) == (True, False)
    assert [one.id for one in graph.active_incidents_with_marker(MARKER)] == [original.incident_id]
    comments = [one.text for one in graph.incidents[duplicate.incident_id].comments]
    assert comments == [f"Duplicate of incident {original.incident_id}. {MARKER}"]
    assert graph.incidents[duplicate.incident_id].classification == "unknown"


async def test_a_duplicate_that_defender_merged_is_left_alone(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    original = await client.create_alert(an_input())
    duplicate = await client.create_alert(an_input())
    graph.merge(duplicate.incident_id, into=original.incident_id)

    closed = await client.resolve_duplicate(duplicate, of=original.incident_id, marker=MARKER)

    assert closed is False
    assert graph.incidents[original.incident_id].is_active


async def test_an_incident_that_holds_somebody_elses_alert_is_never_closed(
    graph: LoopbackGraph, client: GraphClient
) -> None:
    original = await client.create_alert(an_input())
    duplicate = await client.create_alert(an_input())
    await client.create_alert(
        an_input(description="Another product's alert", linkToIncident=int(duplicate.incident_id))
    )

    closed = await client.resolve_duplicate(duplicate, of=original.incident_id, marker=MARKER)

    assert closed is False
    assert graph.incidents[duplicate.incident_id].is_active
    assert len(graph.incidents[duplicate.incident_id].comments) == 1


async def test_an_incident_whose_alerts_cannot_be_seen_yet_is_not_closed(clock: Clock) -> None:
    delay = timedelta(minutes=1)
    async with (
        LoopbackGraph(clock=clock, visibility_delay=delay) as graph,
        open_client(graph) as client,
    ):
        original = (await client.create_alert(an_input())).incident_id
        duplicate = await client.create_alert(an_input())

        early = await client.resolve_duplicate(duplicate, of=original, marker=MARKER)
        clock.advance(60)
        later = await client.resolve_duplicate(duplicate, of=original, marker=MARKER)

    assert (early, later) == (False, True)


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        pytest.param(DETECTOR_ROLES, [], id="the three"),
        pytest.param((), list(NEEDED), id="none"),
        pytest.param(DETECTOR_ROLES[1:], [DETECTOR_ROLES[0]], id="all but one"),
        pytest.param(
            ("SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All"), [], id="larger ones"
        ),
        pytest.param(
            ("SecurityAlert.ReadWrite.All", "SecurityIncident.Read.All"),
            ["SecurityIncident.ReadWrite.All"],
            id="reading is not writing",
        ),
    ],
)
async def test_the_self_check_names_the_missing_permissions(
    graph: LoopbackGraph, granted: tuple[str, ...], missing: list[str]
) -> None:
    credential = graph.credential(*(granted or ("Mail.Read",)))

    assert await check_roles(credential, graph.root) == missing


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c"])
def test_a_token_that_cannot_be_read_grants_nothing(token: str) -> None:
    assert missing_roles(token) == list(NEEDED)


def test_the_sdk_is_imported_when_a_connection_is_made_and_not_before() -> None:
    code = (
        "import sys, detector.adapters.graph.connection, detector.adapters.graph.roles;"
        "print([name for name in ('msgraph', 'kiota_http', 'httpx') if name in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert result.stdout.decode().strip() == "[]"
