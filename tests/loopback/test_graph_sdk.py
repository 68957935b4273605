"""How msgraph-sdk 1.65 (kiota-http 1.16) behaves: the facts our Defender adapter stands on."""

from collections.abc import AsyncIterator

import httpx
import pytest
from azure.identity.aio import ManagedIdentityCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.security.alert_classification import AlertClassification
from msgraph.generated.models.security.alert_determination import AlertDetermination
from msgraph.generated.models.security.alert_severity import AlertSeverity
from msgraph.generated.models.security.alert_status import AlertStatus
from msgraph.generated.models.security.incident import Incident
from msgraph.generated.models.security.incident_status import IncidentStatus
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph_core import authentication  # type: ignore[import-untyped]

from detector.adapters.graph.connection import ANY_ERROR
from tests.loopback.graph import (
    Fault,
    LoopbackGraph,
    Operation,
    contract,
    gateway_timeout,
    reset,
    server_error,
    throttled,
    unavailable,
    wall_clock,
)
from tests.loopback.graph_cases import MARKER, Clock, a_comment, an_alert
from tests.loopback.sdk import Sdk

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def graph(clock: Clock) -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=clock) as server:
        yield server


@pytest.fixture
async def sdk(graph: LoopbackGraph) -> AsyncIterator[Sdk]:
    async with Sdk(graph.root, graph.credential()) as client:
        yield client


async def test_the_typed_builder_changes_an_incident_and_sends_only_what_was_set(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    number = str((await sdk.create(an_alert()))["incidentId"])
    change = Incident(
        custom_tags=["T1213.001"],
        classification=AlertClassification.TruePositive,
        determination=AlertDetermination.CompromisedAccount,
        status=IncidentStatus.InProgress,
    )

    changed = await sdk.typed.security.incidents.by_incident_id(number).patch(change)

    assert changed is not None
    assert changed.status is IncidentStatus.InProgress
    assert graph.incidents[number].custom_tags == ["T1213.001"]
    assert graph.calls[-1].body == {
        "classification": "truePositive",
        "customTags": ["T1213.001"],
        "determination": "compromisedAccount",
        "status": "inProgress",
    }


async def test_the_typed_list_encodes_its_filter(graph: LoopbackGraph, sdk: Sdk) -> None:
    from msgraph.generated.security.incidents.incidents_request_builder import (
        IncidentsRequestBuilder,
    )

    await sdk.create(an_alert())
    options = IncidentsRequestBuilder.IncidentsRequestBuilderGetQueryParameters(
        filter="status eq 'active' and createdDateTime ge 2026-11-22T09:00:00Z",
        expand=["alerts"],
        top=50,
    )

    found = await sdk.typed.security.incidents.get(RequestConfiguration(query_parameters=options))

    assert found is not None
    assert [incident.id for incident in found.value or []] == ["128"]
    assert MARKER in str([alert.description for alert in (found.value or [])[0].alerts or []])


async def test_comments_go_raw_because_incidents_have_no_builder_for_them(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    number = str((await sdk.create(an_alert()))["incidentId"])
    builder = sdk.typed.security.incidents.by_incident_id(number)

    await sdk.send(Method.POST, f"/security/incidents/{number}/comments", a_comment("one"))
    answer = await sdk.send(Method.POST, f"/security/incidents/{number}/comments", a_comment("two"))

    assert not hasattr(builder, "comments")
    assert isinstance(answer["value"], list)
    assert len(answer["value"]) == 2
    assert [comment.text for comment in graph.incidents[number].comments] == ["one", "two"]


async def test_the_sdk_has_a_builder_that_posts_incidents_and_graph_refuses_it(sdk: Sdk) -> None:
    with pytest.raises(ODataError) as caught:
        await sdk.typed.security.incidents.post(Incident(display_name="No such operation"))

    assert caught.value.response_status_code == 405


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(contract.SEVERITIES, AlertSeverity, id="severity"),
        pytest.param(contract.CLASSIFICATIONS, AlertClassification, id="classification"),
        pytest.param(contract.DETERMINATIONS, AlertDetermination, id="determination"),
        pytest.param(("unknown", *contract.ALERT_STATUSES), AlertStatus, id="alert status"),
        pytest.param(contract.INCIDENT_STATUSES, IncidentStatus, id="incident status"),
    ],
)
async def test_the_values_of_the_contract_are_those_of_the_sdk(
    ours: tuple[str, ...],
    theirs: type[AlertSeverity]
    | type[AlertClassification]
    | type[AlertDetermination]
    | type[AlertStatus]
    | type[IncidentStatus],
) -> None:
    assert {*ours, "unknownFutureValue"} == {member.value for member in theirs}


async def test_a_token_goes_to_no_host_but_the_allowed_one(graph: LoopbackGraph) -> None:
    credential = graph.credential()
    async with Sdk(graph.root, credential, allowed_host="graph.microsoft.com") as sdk:
        with pytest.raises(ODataError) as caught:
            await sdk.send(Method.GET, "/security/incidents")

    assert caught.value.response_status_code == 401
    assert credential.scopes == []


async def test_an_allowed_host_carries_neither_scheme_nor_port(graph: LoopbackGraph) -> None:
    with pytest.raises(ValueError, match="https://"):
        AzureIdentityAuthenticationProvider(
            graph.credential(), allowed_hosts=["https://graph.microsoft.com"]
        )
    async with Sdk(
        graph.root, graph.credential(), allowed_host=graph.root.removeprefix("http://")
    ) as sdk:
        with pytest.raises(ODataError) as caught:
            await sdk.send(Method.GET, "/security/incidents")

    assert caught.value.response_status_code == 401


async def test_the_provider_of_msgraph_core_cannot_be_built_with_its_defaults(
    graph: LoopbackGraph,
) -> None:
    with pytest.raises(ValueError, match="https://"):
        authentication.AzureIdentityAuthenticationProvider(graph.credential())


async def test_a_base_url_that_ends_in_a_slash_doubles_it_and_graph_collapses_it(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    await sdk.send(Method.GET, "/security/incidents", version="v1.0/")

    assert graph.calls[-1].path == "/v1.0/security/incidents"
    assert graph.calls[-1].raw_path == "/v1.0//security/incidents"


async def test_without_a_service_client_a_refusal_loses_its_text(
    graph: LoopbackGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiota_abstractions.serialization import ParseNodeFactoryRegistry

    registered = ParseNodeFactoryRegistry()
    monkeypatch.setattr(registered, "CONTENT_TYPE_ASSOCIATED_FACTORIES", {})
    transport = httpx.AsyncHTTPTransport()
    authentication = AzureIdentityAuthenticationProvider(
        graph.credential("none"), scopes=["x/.default"], allowed_hosts=["127.0.0.1"]
    )
    adapter = GraphRequestAdapter(authentication, httpx.AsyncClient(transport=transport))
    request = RequestInformation(Method.GET, f"{graph.root}/v1.0/security/incidents", {})

    with pytest.raises(APIError) as caught:
        await adapter.send_primitive_async(request, "bytes", {ANY_ERROR: ODataError})
    await transport.aclose()

    assert not isinstance(caught.value, ODataError)
    assert caught.value.response_status_code == 401


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(throttled(1), id="429"),
        pytest.param(unavailable(1), id="503"),
    ],
)
async def test_by_default_the_sdk_waits_and_repeats(
    graph: LoopbackGraph, sdk: Sdk, fault: Fault
) -> None:
    graph.fault(Operation.LIST_INCIDENTS, fault)

    await sdk.send(Method.GET, "/security/incidents", retries=True)

    attempts = [call.headers.get("retry-attempt") for call in graph.calls]
    assert attempts == [None, "1"]


async def test_by_default_the_sdk_creates_twice_when_the_gateway_gives_up(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    graph.fault(Operation.CREATE_ALERT, Fault(status=504, after_commit=True, retry_after=1))

    await sdk.create(an_alert(), retries=True)

    assert len(graph.active_incidents_with_marker(MARKER)) == 2


async def test_with_retries_off_a_gateway_timeout_creates_once_and_is_told(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    graph.fault(Operation.CREATE_ALERT, gateway_timeout(after_commit=True))

    with pytest.raises(ODataError) as caught:
        await sdk.create(an_alert())

    assert caught.value.response_status_code == 504
    assert len(graph.active_incidents_with_marker(MARKER)) == 1
    assert len(graph.calls) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(throttled(200), id="429 for 200 seconds: from 180 on it does not wait"),
        pytest.param(server_error(500), id="500"),
        pytest.param(server_error(502), id="502"),
    ],
)
async def test_some_faults_are_never_repeated(graph: LoopbackGraph, sdk: Sdk, fault: Fault) -> None:
    graph.fault(Operation.LIST_INCIDENTS, fault)

    with pytest.raises(ODataError) as caught:
        await sdk.send(Method.GET, "/security/incidents", retries=True)

    assert caught.value.response_status_code == fault.status
    assert len(graph.calls) == 1


async def test_a_reset_is_never_repeated_and_comes_through_as_an_error_of_httpx(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    graph.fault(Operation.LIST_INCIDENTS, reset(after_commit=False))

    with pytest.raises(httpx.ReadError):
        await sdk.send(Method.GET, "/security/incidents", retries=True)

    assert len(graph.calls) == 1


async def test_the_managed_identity_of_a_function_app_gets_a_token_that_graph_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = "00000000-0000-0000-0000-000000000002"
    async with LoopbackGraph(clock=wall_clock) as graph:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{graph.root}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "loopback")

        async with (
            ManagedIdentityCredential(client_id=client) as credential,
            Sdk(graph.root, credential) as sdk,
        ):
            alert = await sdk.create(an_alert())

    assert alert["status"] == "new"
