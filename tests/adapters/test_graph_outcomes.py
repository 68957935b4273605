"""What the Graph client says of each fault: refused, not now, or unknown; and never twice."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from detector.adapters.graph.client import GraphClient
from detector.adapters.graph.connection import retry_after_seconds
from detector.adapters.graph.errors import NotNowError, RefusedError, UnknownOutcomeError
from tests.adapters.graph_clients import open_client
from tests.loopback.graph import (
    Fault,
    LoopbackGraph,
    Operation,
    TokenCredential,
    gateway_timeout,
    reset,
    server_error,
    throttled,
    unavailable,
)
from tests.loopback.graph.schema import Json
from tests.loopback.graph_cases import MARKER, Clock, an_input

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


@pytest.fixture
async def graph() -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=Clock()) as server:
        yield server


@pytest.fixture
async def client(graph: LoopbackGraph) -> AsyncIterator[GraphClient]:
    async with open_client(graph) as connected:
        yield connected


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        pytest.param(throttled(7), 7, id="429 in seconds"),
        pytest.param(throttled(90, as_date=True), 90, id="429 as a date"),
        pytest.param(throttled(0), 1, id="429 at once"),
        pytest.param(throttled(None), 60, id="429 without a time"),
        pytest.param(unavailable(30), 30, id="503 in seconds"),
        pytest.param(unavailable(), 60, id="503 without a time"),
    ],
)
async def test_throttling_creates_nothing_and_says_how_long_to_wait(
    graph: LoopbackGraph, client: GraphClient, fault: Fault, wait: float
) -> None:
    graph.fault(Operation.CREATE_ALERT, fault)

    with pytest.raises(NotNowError) as caught:
        await client.create_alert(an_input())

    assert caught.value.retry_after_seconds == wait
    assert (len(graph.calls), len(graph.alerts)) == (1, 0)


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(gateway_timeout, id="504"),
        pytest.param(reset, id="reset"),
        pytest.param(
            lambda *, after_commit: server_error(500, after_commit=after_commit), id="500"
        ),
        pytest.param(
            lambda *, after_commit: server_error(502, after_commit=after_commit), id="502"
        ),
    ],
)
async def test_an_unknown_outcome_is_said_to_be_unknown_and_not_repeated(
    graph: LoopbackGraph, client: GraphClient, make: Callable[..., Fault], after_commit: bool
) -> None:
    graph.fault(Operation.CREATE_ALERT, make(after_commit=after_commit))

    with pytest.raises(UnknownOutcomeError):
        await client.create_alert(an_input())

    assert (len(graph.calls), len(graph.alerts)) == (1, int(after_commit))


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
async def test_a_timeout_is_an_unknown_outcome(graph: LoopbackGraph, after_commit: bool) -> None:
    hold = graph.hold(Operation.CREATE_ALERT, after_commit=after_commit)

    async with open_client(graph, timeout_seconds=0.2) as client:
        with pytest.raises(UnknownOutcomeError):
            await client.create_alert(an_input())
    hold.release()

    assert (len(graph.calls), len(graph.alerts)) == (1, 1)


Work = Callable[[GraphClient], Awaitable[object]]


@pytest.mark.parametrize(
    ("operation", "work"),
    [
        pytest.param(
            Operation.LIST_ALERTS,
            lambda client: client.find_alerts(MARKER, "2026-11-22T09:00:00Z"),
            id="list",
        ),
        pytest.param(Operation.GET_INCIDENT, lambda client: client.get_incident("128"), id="get"),
        pytest.param(
            Operation.PATCH_INCIDENT, lambda client: client.tag_incident("128", ["x"]), id="tag"
        ),
        pytest.param(
            Operation.COMMENT_INCIDENT,
            lambda client: client.comment_incident("128", "x"),
            id="comment",
        ),
    ],
)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(throttled(1), NotNowError, id="429"),
        pytest.param(unavailable(1), NotNowError, id="503"),
        pytest.param(gateway_timeout(after_commit=True), UnknownOutcomeError, id="504"),
        pytest.param(reset(after_commit=True), UnknownOutcomeError, id="reset"),
    ],
)
async def test_no_request_is_repeated_by_the_sdk(
    graph: LoopbackGraph,
    client: GraphClient,
    operation: Operation,
    work: Work,
    fault: Fault,
    error: type[Exception],
) -> None:
    await client.create_alert(an_input())
    graph.fault(operation, fault)

    with pytest.raises(error):
        await work(client)

    assert len(graph.calls_of(operation)) == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param(an_input(severity="grave"), 400, id="a bad value"),
        pytest.param(an_input(linkToIncident=999), 400, id="no such incident"),
    ],
)
async def test_a_refusal_carries_the_status_and_graphs_words(
    client: GraphClient, given: dict[str, Json], status: int
) -> None:
    with pytest.raises(RefusedError, match=r"Invalid request body|does not exist") as caught:
        await client.create_alert(given)

    assert caught.value.status == status


async def test_a_missing_permission_is_a_refusal_that_names_it(graph: LoopbackGraph) -> None:
    async with open_client(graph, graph.credential("SecurityAlert.Read.All")) as client:
        with pytest.raises(RefusedError, match=r"SecurityAlert\.Create\.All") as caught:
            await client.create_alert(an_input())

    assert caught.value.status == 403


async def test_an_incident_that_is_gone_is_a_refusal(client: GraphClient) -> None:
    with pytest.raises(RefusedError) as caught:
        await client.get_incident("999")

    assert caught.value.status == 404


async def test_no_connection_means_that_nothing_was_done() -> None:
    async with LoopbackGraph(clock=Clock()) as graph:
        client = open_client(graph)

    async with client:
        with pytest.raises(NotNowError, match="no connection"):
            await client.create_alert(an_input())


async def test_no_token_means_that_nothing_was_done(graph: LoopbackGraph) -> None:
    class Broken(TokenCredential):
        async def get_token(self, *scopes: str, **_: object) -> AccessToken:
            raise ClientAuthenticationError(f"no identity for {scopes[0]}")

    async with open_client(graph, Broken(clock=Clock())) as client:
        with pytest.raises(NotNowError, match="no token: no identity"):
            await client.create_alert(an_input())

    assert graph.calls == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "120"}, 120, id="seconds"),
        pytest.param({"retry-after": "-5"}, 60, id="a negative number is no time"),
        pytest.param({"retry-after": "soon"}, 60, id="words"),
        pytest.param({}, 60, id="nothing"),
        pytest.param(
            {
                "retry-after": "Sun, 22 Nov 2026 10:01:00 GMT",
                "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            60,
            id="a minute from the answer's date",
        ),
        pytest.param(
            {
                "retry-after": "Sun, 22 Nov 2026 09:59:00 GMT",
                "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            1,
            id="a date that is past",
        ),
        pytest.param(
            {"retry-after": "Sun, 22 Nov 2026 10:05:00 GMT"}, 60, id="a date beside no date"
        ),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float) -> None:
    assert retry_after_seconds(headers) == seconds
