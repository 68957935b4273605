"""The loopback Graph's faults, delays, merges and people, seen through the real SDK."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
from kiota_abstractions.method import Method
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from tests.loopback.graph import (
    Fault,
    LoopbackGraph,
    Operation,
    gateway_timeout,
    reset,
    server_error,
    slow,
    throttled,
    unavailable,
)
from tests.loopback.graph.schema import Json
from tests.loopback.graph_cases import MARKER, Clock, a_comment, an_alert
from tests.loopback.sdk import Sdk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def graph(clock: Clock) -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=clock, visibility_delay=timedelta(seconds=30)) as server:
        yield server


@pytest.fixture
async def sdk(graph: LoopbackGraph) -> AsyncIterator[Sdk]:
    async with Sdk(graph.root, graph.credential()) as client:
        yield client


def ids_of(page: dict[str, Json]) -> list[str]:
    """The ids of one page."""
    rows = page["value"]
    assert isinstance(rows, list)
    return [str(row["id"]) for row in rows if isinstance(row, dict)]


async def listed(sdk: Sdk, path: str) -> list[str]:
    """The ids that a list shows on its first page."""
    return ids_of(await sdk.send(Method.GET, path))


@pytest.mark.parametrize(
    ("fault", "status", "created"),
    [
        pytest.param(throttled(7), 429, 0, id="429"),
        pytest.param(throttled(None), 429, 0, id="429 without Retry-After"),
        pytest.param(unavailable(), 503, 0, id="503"),
        pytest.param(gateway_timeout(after_commit=False), 504, 0, id="504 before"),
        pytest.param(gateway_timeout(after_commit=True), 504, 1, id="504 after"),
        pytest.param(server_error(after_commit=True), 500, 1, id="500 after"),
    ],
)
async def test_a_fault_meets_one_request_and_the_next_one_passes(
    graph: LoopbackGraph, sdk: Sdk, fault: Fault, status: int, created: int
) -> None:
    graph.fault(Operation.CREATE_ALERT, fault)

    with pytest.raises(ODataError) as caught:
        await sdk.create(an_alert())

    assert caught.value.response_status_code == status
    assert len(graph.alerts) == created
    await sdk.create(an_alert())
    assert (len(graph.alerts), graph.faults_left) == (created + 1, 0)


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
async def test_a_reset_tells_the_client_nothing(
    graph: LoopbackGraph, sdk: Sdk, after_commit: bool
) -> None:
    graph.fault(Operation.CREATE_ALERT, reset(after_commit=after_commit))

    with pytest.raises(httpx.ReadError):
        await sdk.create(an_alert())

    assert len(graph.alerts) == int(after_commit)
    assert graph.calls[-1].status is None


async def test_faults_wait_for_their_operation_and_come_in_order(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    graph.fault(Operation.CREATE_ALERT, unavailable(), times=2)
    graph.fault(Operation.CREATE_ALERT, throttled(1))
    await sdk.send(Method.GET, "/security/incidents")
    seen: list[int | None] = []

    for _ in range(3):
        with pytest.raises(ODataError) as caught:
            await sdk.create(an_alert())
        seen.append(caught.value.response_status_code)

    assert seen == [503, 503, 429]


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
async def test_retry_after_comes_in_both_forms_and_beside_the_servers_date(
    graph: LoopbackGraph, sdk: Sdk, clock: Clock, as_date: bool
) -> None:
    graph.fault(Operation.CREATE_ALERT, throttled(90, as_date=as_date))

    with pytest.raises(ODataError) as caught:
        await sdk.create(an_alert())

    headers = httpx.Headers(caught.value.response_headers)
    assert parsedate_to_datetime(headers["date"]) == clock.now.astimezone(UTC)
    expected = "Sun, 22 Nov 2026 10:01:30 GMT" if as_date else "90"
    assert headers["retry-after"] == expected


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
async def test_a_held_request_outlives_a_client_that_gave_up(
    graph: LoopbackGraph, after_commit: bool
) -> None:
    hold = graph.hold(Operation.CREATE_ALERT, after_commit=after_commit)

    async with Sdk(graph.root, graph.credential(), timeout_seconds=0.2) as sdk:
        with pytest.raises(httpx.ReadTimeout):
            await sdk.create(an_alert())
        created_before = len(graph.alerts)
        hold.release()

    assert created_before == int(after_commit)
    assert len(graph.active_incidents_with_marker(MARKER)) == 1


async def test_a_slow_answer_is_the_true_answer(graph: LoopbackGraph, sdk: Sdk) -> None:
    graph.fault(Operation.CREATE_ALERT, slow(0.05))
    loop = asyncio.get_running_loop()
    started = loop.time()

    alert = await sdk.create(an_alert())

    assert alert["status"] == "new"
    assert loop.time() - started >= 0.05


async def test_lists_show_an_alert_only_after_a_while_but_its_incident_can_be_read(
    graph: LoopbackGraph, sdk: Sdk, clock: Clock
) -> None:
    alert = await sdk.create(an_alert())
    incidents = "/security/incidents?$expand=alerts"

    early = [await listed(sdk, incidents), await listed(sdk, "/security/alerts_v2")]
    read = await sdk.send(Method.GET, f"/security/incidents/{alert['incidentId']}")
    clock.advance(30)

    assert early == [[], []]
    assert read["displayName"] == "Confluence data mining by alice@example.com"
    assert await listed(sdk, incidents) == [alert["incidentId"]]
    assert await listed(sdk, "/security/alerts_v2") == [alert["id"]]


async def test_lists_are_paged_newest_first_and_followed_by_their_links(
    graph: LoopbackGraph, sdk: Sdk, clock: Clock
) -> None:
    for _ in range(5):
        await sdk.create(an_alert())
    clock.advance(30)
    page = await sdk.send(Method.GET, "/security/incidents?$top=2&$count=true&$expand=alerts")
    pages = [page]

    while "@odata.nextLink" in page:
        link = str(page["@odata.nextLink"]).removeprefix(f"{graph.root}/v1.0")
        page = await sdk.send(Method.GET, link)
        pages.append(page)

    assert [row for page in pages for row in ids_of(page)] == ["132", "131", "130", "129", "128"]
    assert pages[0]["@odata.count"] == 5


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        pytest.param("createdDateTime ge 2026-11-22T10:01:00Z", ["129"], id="from"),
        pytest.param("createdDateTime gt 2026-11-22T10:01:00Z", [], id="after"),
        pytest.param("createdDateTime lt 2026-11-22T10:01:00Z", ["128"], id="before"),
        pytest.param("createdDateTime le 2026-11-22T12:01:00+02:00", ["129", "128"], id="offset"),
        pytest.param("createdDateTime eq 2026-11-22T10:00:00.0000000Z", ["128"], id="at"),
        pytest.param("severity eq 'low'", ["129"], id="severity"),
        pytest.param("severity eq 'low' and status eq 'resolved'", [], id="both"),
        pytest.param("assignedTo eq 'o''hara@example.com'", [], id="a quote in a value"),
    ],
)
async def test_a_filter_selects(sdk: Sdk, clock: Clock, condition: str, found: list[str]) -> None:
    await sdk.create(an_alert())
    clock.advance(60)
    await sdk.create(an_alert(severity="low"))
    clock.advance(30)
    expression = condition.replace(" ", "%20").replace("+", "%2B")

    assert await listed(sdk, f"/security/incidents?$filter={expression}") == found


async def test_a_merged_incident_points_to_the_other_and_takes_no_more_changes(
    graph: LoopbackGraph, sdk: Sdk
) -> None:
    source = str((await sdk.create(an_alert()))["incidentId"])
    target = str((await sdk.create(an_alert()))["incidentId"])

    graph.merge(source, into=target)

    read = await sdk.send(Method.GET, f"/security/incidents/{source}")
    assert (read["status"], read["redirectIncidentId"]) == ("redirected", target)
    assert [one.id for one in graph.active_incidents_with_marker(MARKER)] == [target]
    path = f"/security/incidents/{source}"
    changes: list[tuple[Method, str, Json]] = [
        (Method.PATCH, "", {"customTags": ["x"]}),
        (Method.POST, "/comments", a_comment()),
    ]
    for method, tail, body in changes:
        with pytest.raises(ODataError) as caught:
            await sdk.send(method, path + tail, body)
        assert caught.value.response_status_code == 400
    with pytest.raises(ODataError):
        await sdk.create(an_alert(linkToIncident=int(source)))


async def test_a_person_resolves_an_incident_and_its_alerts(graph: LoopbackGraph, sdk: Sdk) -> None:
    alert = await sdk.create(an_alert())
    number = str(alert["incidentId"])

    graph.classify(number, "informationalExpectedActivity", "confirmedActivity")

    read = await sdk.send(Method.GET, f"/security/incidents/{number}")
    assert (read["status"], read["determination"]) == ("resolved", "confirmedActivity")
    assert read["classification"] == "informationalExpectedActivity"
    assert read["assignedTo"] == "analyst@example.com"
    seen = await sdk.send(Method.GET, f"/security/alerts_v2/{alert['id']}")
    assert (seen["status"], seen["classification"]) == ("resolved", read["classification"])
    assert graph.active_incidents_with_marker(MARKER) == []


async def test_the_log_keeps_what_was_sent_but_no_token(graph: LoopbackGraph, sdk: Sdk) -> None:
    body = an_alert()

    await sdk.create(body)

    call = graph.calls_of(Operation.CREATE_ALERT)[0]
    assert (call.method, call.path) == ("POST", "/beta/security/alerts_v2/createAlert")
    assert (call.body, call.status) == (body, 201)
    assert call.headers["content-type"] == "application/json"
    assert "authorization" not in call.headers


async def test_a_person_can_run_it() -> None:
    command = (sys.executable, "-m", "tests.loopback.graph", "--port", "0")
    server = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    assert server.stdout is not None
    try:
        first = (await server.stdout.readline()).decode()
        root = re.findall(r"http://127\.0\.0\.1:\d+", first)[0]
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{root}/v1.0/security/incidents")
        server.send_signal(signal.SIGINT)
        _, stderr = await server.communicate()
    finally:
        if server.returncode is None:
            server.kill()

    assert answer.status_code == 401
    assert (server.returncode, stderr.decode()) == (0, "0 alerts, 0 incidents\n")


async def test_a_server_closes_while_a_request_is_held(clock: Clock) -> None:
    async with LoopbackGraph(clock=clock) as graph:
        hold = graph.hold(Operation.CREATE_ALERT)
        async with Sdk(graph.root, graph.credential(), timeout_seconds=0.2) as sdk:
            with pytest.raises(httpx.ReadTimeout):
                await sdk.create(an_alert())
        assert hold.arrived.is_set()

    assert graph.alerts == {}
