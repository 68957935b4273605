"""The loopback Graph refuses what Microsoft Graph does not document.

Every request goes through the real request adapter of msgraph-sdk, retries off, raw JSON.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest
from kiota_abstractions.method import Method
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from tests.loopback.graph import LoopbackGraph, Operation, TokenCredential
from tests.loopback.graph.schema import Json
from tests.loopback.graph_cases import Clock, a_comment, an_alert, an_entity
from tests.loopback.sdk import Sdk

ALERTS = "/security/alerts_v2"
INCIDENTS = "/security/incidents"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def graph(clock: Clock) -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=clock) as server:
        yield server


@pytest.fixture
async def sdk(graph: LoopbackGraph) -> AsyncIterator[Sdk]:
    roles = ("SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All")
    async with Sdk(graph.root, graph.credential(*roles)) as client:
        yield client


async def refusal(
    sdk: Sdk, method: Method, path: str, body: Json = None, *, version: str = "v1.0"
) -> tuple[int | None, str]:
    """Status and message of a request that must be refused."""
    with pytest.raises(ODataError) as caught:
        await sdk.send(method, path, body, version=version)
    assert caught.value.error is not None
    return caught.value.response_status_code, caught.value.error.message or ""


def snapshot(graph: LoopbackGraph) -> list[Json]:
    """Everything a client can see."""
    alerts = [alert.to_json() for alert in graph.alerts.values()]
    return [*alerts, *(incident.to_json() for incident in graph.incidents.values())]


async def test_create_alert_answers_the_alert_and_its_new_incident(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    alert = await sdk.create(an_alert())

    assert alert["@odata.type"] == "#microsoft.graph.security.alert"
    assert (alert["status"], alert["detectionSource"]) == ("new", "manual")
    assert alert["serviceSource"] == "microsoft365Defender"
    assert list(graph.alerts) == [alert["id"]]
    assert list(graph.incidents) == [alert["incidentId"]]
    assert graph.incidents[str(alert["incidentId"])].severity == "high"


async def test_the_qualified_name_of_the_action_is_the_same_action(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    path = f"{ALERTS}/microsoft.graph.security.createAlert"

    await sdk.send(Method.POST, path, an_alert(), version="beta")

    assert len(graph.calls_of(Operation.CREATE_ALERT)) == len(graph.alerts) == 1


async def test_an_alert_linked_to_an_incident_opens_no_other(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    first = await sdk.create(an_alert())
    incident = str(first["incidentId"])

    second = await sdk.create(an_alert(linkToIncident=int(incident)))

    assert second["incidentId"] == incident
    assert list(graph.incidents) == [incident]


async def test_create_alert_of_v1_exists_only_where_a_test_says_so(clock: Clock) -> None:
    async with (
        LoopbackGraph(clock=clock, creates_in=("v1.0",)) as graph,
        Sdk(graph.root, graph.credential()) as sdk,
    ):
        alert = await sdk.create(an_alert(), version="v1.0")
        status, _ = await refusal(
            sdk, Method.POST, f"{ALERTS}/createAlert", an_alert(), version="beta"
        )

    assert (alert["status"], status) == ("new", 405)


@pytest.mark.parametrize(
    ("method", "path", "version", "status"),
    [
        pytest.param(Method.POST, INCIDENTS, "v1.0", 405, id="incidents cannot be created"),
        pytest.param(Method.POST, INCIDENTS, "beta", 405, id="not in beta either"),
        pytest.param(Method.POST, f"{ALERTS}/createAlert", "v1.0", 405, id="no action in v1.0"),
        pytest.param(Method.POST, ALERTS, "beta", 405, id="alerts are not posted to the list"),
        pytest.param(Method.DELETE, f"{INCIDENTS}/128", "v1.0", 405, id="nothing is deleted"),
        pytest.param(Method.GET, f"{INCIDENTS}/128", "v1.0", 404, id="unknown incident"),
        pytest.param(Method.PATCH, f"{INCIDENTS}/128", "v1.0", 404, id="unknown to change"),
        pytest.param(Method.GET, f"{ALERTS}/x", "v1.0", 404, id="unknown alert"),
        pytest.param(Method.GET, "/security/secureScores", "v1.0", 404, id="another resource"),
        pytest.param(Method.GET, INCIDENTS, "v2.0", 404, id="another version"),
    ],
)
async def test_a_path_that_is_not_documented_is_refused(
    sdk: Sdk, method: Method, path: str, version: str, status: int
) -> None:
    refused = await refusal(sdk, method, path, an_alert(), version=version)

    assert refused[0] == status


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        pytest.param({}, "createAlertInput is required", id="no input"),
        pytest.param(an_alert(without="title"), "title is required", id="no title"),
        pytest.param(an_alert(title=""), "must not be empty", id="empty title"),
        pytest.param(an_alert(without="severity"), "severity is required", id="no severity"),
        pytest.param(an_alert(severity="High"), "must be one of", id="severity in capitals"),
        pytest.param(an_alert(without="description"), "description is", id="no description"),
        pytest.param(an_alert(description="x" * 5001), "5000 characters", id="5001 characters"),
        pytest.param(an_alert(without="category"), "category is required", id="no category"),
        pytest.param(an_alert(category="Mining"), "must be one of", id="no tactic"),
        pytest.param(an_alert(without="entityDefinitions"), "is required", id="no entities"),
        pytest.param(an_alert(entityDefinitions=[]), "1 to 100 items", id="empty entities"),
        pytest.param(
            an_alert(entityDefinitions=[an_entity()] * 101), "1 to 100 items", id="101 entities"
        ),
        pytest.param(
            an_alert(entityDefinitions=[an_entity("url", "url", "x" * 1001)]),
            "1000 characters",
            id="an identifier of 1001 characters",
        ),
        pytest.param(
            an_alert(entityDefinitions=[an_entity("person")]), "entityType", id="unknown type"
        ),
        pytest.param(
            an_alert(entityDefinitions=[an_entity("ip", "aadUserId")]),
            "not supported for ip",
            id="an identifier of another type",
        ),
        pytest.param(
            an_alert(entityDefinitions=[an_entity(role="suspect")]), "role", id="unknown role"
        ),
        pytest.param(
            an_alert(entityDefinitions=[an_entity(value="alice")]), "no aadUserId", id="no GUID"
        ),
        pytest.param(
            an_alert(entityDefinitions=[an_entity("ip", "address", "unknown")]),
            "no address",
            id="no address",
        ),
        pytest.param(an_alert(customDetails={}), "not a property", id="a field too much"),
        pytest.param(an_alert(mitreTechniques=["T1213.1"]), "must match", id="no technique"),
        pytest.param(an_alert(linkToIncident=999), "does not exist", id="unknown incident"),
        pytest.param(an_alert(linkToIncident="128"), "Int64", id="an incident id as text"),
        pytest.param(an_alert(isExcludedFromCorrelation="no"), "boolean", id="no boolean"),
    ],
)
async def test_a_bad_alert_is_refused_and_nothing_is_created(
    graph: LoopbackGraph, sdk: Sdk, body: Json, complaint: str
) -> None:
    status, message = await refusal(sdk, Method.POST, f"{ALERTS}/createAlert", body, version="beta")

    assert status == 400
    assert complaint in message
    assert (graph.alerts, graph.incidents) == ({}, {})


async def test_the_limits_themselves_are_allowed(sdk: Sdk) -> None:
    body = an_alert(
        description="x" * 5000,
        entityDefinitions=[an_entity("url", "url", "x" * 1000)] * 100,
        linkToIncident=0,
    )

    assert (await sdk.create(body))["status"] == "new"


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        pytest.param(INCIDENTS, Method.PATCH, {"severity": "low"}, id="severity"),
        pytest.param(INCIDENTS, Method.PATCH, {"status": "new"}, id="a status of alerts"),
        pytest.param(INCIDENTS, Method.PATCH, {"status": "redirected"}, id="only Defender merges"),
        pytest.param(INCIDENTS, Method.PATCH, {"status": "awaitingAction"}, id="experts only"),
        pytest.param(INCIDENTS, Method.PATCH, {"customTags": "a"}, id="tags as text"),
        pytest.param(
            INCIDENTS, Method.PATCH, {"classification": "TruePositive"}, id="the docs' capitals"
        ),
        pytest.param(
            INCIDENTS, Method.PATCH, {"determination": "compromisedUser"}, id="the docs' value"
        ),
        pytest.param(ALERTS, Method.PATCH, {"customTags": ["a"]}, id="alerts have no tags"),
        pytest.param(ALERTS, Method.PATCH, {"status": "active"}, id="a status of incidents"),
        pytest.param(f"{INCIDENTS}/comments", Method.POST, {"comment": "x"}, id="no @odata.type"),
        pytest.param(f"{INCIDENTS}/comments", Method.POST, a_comment(""), id="empty comment"),
        pytest.param(f"{ALERTS}/comments", Method.POST, {"text": "x"}, id="another property"),
    ],
)
async def test_a_change_outside_the_documented_properties_is_refused(
    graph: LoopbackGraph, sdk: Sdk, path: str, method: Method, body: Json
) -> None:
    alert = await sdk.create(an_alert())
    resource, comments = path.removesuffix("/comments"), path.endswith("/comments")
    number = alert["incidentId" if resource == INCIDENTS else "id"]
    target = f"{resource}/{number}{'/comments' if comments else ''}"
    before = snapshot(graph)

    status, _ = await refusal(sdk, method, target, body)

    assert status == 400
    assert snapshot(graph) == before


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("$filter=displayName eq 'x'", id="a title"),
        pytest.param("$filter=customTags eq 'x'", id="tags"),
        pytest.param("$filter=serviceSource eq 'microsoft365Defender'", id="a filter of alerts"),
        pytest.param("$filter=contains(status,'act')", id="a function"),
        pytest.param("$filter=status eq 'new'", id="a value of alerts"),
        pytest.param("$filter=status ne 'active'", id="another operator"),
        pytest.param("$filter=status eq active", id="no quotes"),
        pytest.param("$filter=status eq 'active' or status eq 'resolved'", id="or"),
        pytest.param("$filter=createdDateTime ge '2026-11-22T10:00:00Z'", id="a quoted instant"),
        pytest.param("$filter=createdDateTime ge 2026-11-22T10:00:00", id="no offset"),
        pytest.param("$filter=", id="empty"),
        pytest.param("$top=51", id="51 in a page"),
        pytest.param("$top=-1", id="a negative page"),
        pytest.param("$skip=x", id="no number"),
        pytest.param("$expand=comments", id="another expansion"),
        pytest.param("$orderby=createdDateTime", id="an order"),
        pytest.param("$search=x", id="a search"),
    ],
)
async def test_a_query_that_is_not_documented_is_refused(sdk: Sdk, query: str) -> None:
    path = f"{INCIDENTS}?{query.replace(' ', '%20')}"

    assert (await refusal(sdk, Method.GET, path))[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"{ALERTS}?$filter=title%20eq%20'x'", id="the title of an alert"),
        pytest.param(f"{ALERTS}?$filter=status%20eq%20'active'", id="a value of incidents"),
        pytest.param(f"{ALERTS}?$expand=comments", id="nothing to expand"),
    ],
)
async def test_the_list_of_alerts_has_its_own_rules(sdk: Sdk, path: str) -> None:
    assert (await refusal(sdk, Method.GET, path))[0] == 400


async def test_one_incident_takes_no_query_options(sdk: Sdk) -> None:
    incident = (await sdk.create(an_alert()))["incidentId"]

    status, _ = await refusal(sdk, Method.GET, f"{INCIDENTS}/{incident}?$expand=alerts")

    assert status == 400


CREATE = (Method.POST, f"{ALERTS}/createAlert", "beta")
PERMISSIONS = [
    (CREATE, ("SecurityAlert.Create.All", "SecurityAlert.ReadWrite.All")),
    ((Method.GET, ALERTS, "v1.0"), ("SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All")),
    (
        (Method.GET, f"{ALERTS}/1", "v1.0"),
        ("SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"),
    ),
    ((Method.PATCH, f"{ALERTS}/1", "v1.0"), ("SecurityAlert.ReadWrite.All",)),
    ((Method.POST, f"{ALERTS}/1/comments", "v1.0"), ("SecurityAlert.ReadWrite.All",)),
    (
        (Method.GET, INCIDENTS, "v1.0"),
        ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"),
    ),
    (
        (Method.GET, f"{INCIDENTS}/1", "v1.0"),
        ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"),
    ),
    ((Method.PATCH, f"{INCIDENTS}/1", "v1.0"), ("SecurityIncident.ReadWrite.All",)),
    ((Method.POST, f"{INCIDENTS}/1/comments", "v1.0"), ("SecurityIncident.ReadWrite.All",)),
]
EVERY_ROLE = sorted({role for _, roles in PERMISSIONS for role in roles})


@pytest.mark.parametrize(
    ("target", "sufficient"), PERMISSIONS, ids=[f"{t[0].value} {t[1]}" for t, _ in PERMISSIONS]
)
async def test_an_operation_needs_one_of_its_permissions_and_no_other_suffices(
    graph: LoopbackGraph, target: tuple[Method, str, str], sufficient: tuple[str, ...]
) -> None:
    statuses: dict[str, int | None] = {}
    for role in EVERY_ROLE:
        async with Sdk(graph.root, graph.credential(role)) as sdk:
            with suppress(ODataError):
                await sdk.send(target[0], target[1], {}, version=target[2])
            statuses[role] = graph.calls[-1].status

    assert {role for role, status in statuses.items() if status != 403} == set(sufficient)


async def test_a_token_for_another_cloud_is_refused(graph: LoopbackGraph) -> None:
    scope = "https://graph.microsoft.us/.default"
    async with Sdk(graph.root, graph.credential(), scope=scope) as sdk:
        status, message = await refusal(sdk, Method.GET, ALERTS)

    assert (status, "audience" in message) == (401, True)


async def test_an_expired_token_is_refused(graph: LoopbackGraph, clock: Clock) -> None:
    stale = TokenCredential("SecurityAlert.Read.All", clock=clock, lifetime=timedelta(0))
    async with Sdk(graph.root, stale) as sdk:
        status, message = await refusal(sdk, Method.GET, ALERTS)

    assert (status, "expired" in message) == (401, True)
