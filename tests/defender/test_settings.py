"""What the settings say of Graph is what the sink does, through the real wiring and identity."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from detector.adapters.graph.sink import DefenderSink
from detector.settings import Settings, SettingsError, read_settings
from detector.wiring import make_sinks
from tests.loopback.graph import LoopbackGraph, Operation, wall_clock
from tests.loopback.graph.identity import IDENTITY_HEADER, IDENTITY_PATH
from tests.support.events import views
from tests.support.product import DrivenClock, Product

pytestmark = [
    # The SDK's own modules warn when the first builder is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


@pytest.fixture
def clock() -> DrivenClock:
    """The machine's time: the identity library compares it with a token's lifetime."""
    return DrivenClock(wall_clock().replace(microsecond=0))


@pytest.fixture
async def graph(
    clock: DrivenClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LoopbackGraph]:
    async with LoopbackGraph(clock=clock, creates_in=("beta", "v1.0")) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.root}{IDENTITY_PATH}")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        yield server


def a_product(path: Path, clock: DrivenClock, **settings: Any) -> Product:
    """A product whose sink is wired from settings."""
    return Product.on(path, clock, *make_sinks(Settings(sink="defender", **settings)))


@pytest.mark.parametrize("version", ["beta", "v1.0"])
async def test_the_version_of_create_alert_is_a_setting(
    store: Path, clock: DrivenClock, graph: LoopbackGraph, version: Any
) -> None:
    settings = {"graph_root": graph.root + "/", "graph_alerts_version": version}
    async with a_product(store, clock, **settings) as product:
        await product.feed(views(60, clock.ticks))
        await product.tick()

        assert (await product.episode()).deliveries["defender"].error == ""
    (created,) = graph.calls_of(Operation.CREATE_ALERT)
    assert created.path == f"/{version}/security/alerts_v2/createAlert"
    assert {call.path.split("/")[1] for call in graph.calls if call is not created} == {"v1.0"}


async def test_a_request_is_given_up_after_the_timeout_of_the_settings(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    settings = {"graph_root": graph.root, "graph_timeout_seconds": 1.0}
    async with a_product(store, clock, **settings) as product:
        hold = graph.hold(Operation.CREATE_ALERT)
        await product.feed(views(60, clock.ticks))

        report = await product.tick()
        hold.release()

        error = (await product.episode()).deliveries["defender"].error
        assert (report.failed, error.split(":")[0]) == (1, "no answer")


async def test_limits_and_the_address_of_the_evidence_are_settings(
    store: Path, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    settings = {
        "graph_root": graph.root,
        "creates_per_minute": 2,
        "evidence_url": "https://e.example.com/",
    }
    async with a_product(store, clock, **settings) as product:
        for user in range(4):
            await product.feed(views(60, clock.ticks, user=user))
        report = await product.tick()

        assert (report.sent, report.throttled, len(graph.alerts)) == (1, 3, 2)
        _, alert = graph.alerts.values()
        pages = [f"https://e.example.com/{e.episode_id}" for e in await product.episodes()]
        assert len([page for page in pages if page in str(alert.given["description"])]) == 1


@pytest.mark.parametrize(
    ("cloud", "root", "host"),
    [
        ("global", "https://graph.microsoft.com", "graph.microsoft.com"),
        ("usgov", "https://graph.microsoft.us", "graph.microsoft.us"),
        ("usgovdod", "https://dod-graph.microsoft.us", "dod-graph.microsoft.us"),
    ],
)
async def test_each_cloud_has_its_address_and_its_host_alone_gets_the_token(
    cloud: Any, root: str, host: str
) -> None:
    (sink,) = make_sinks(Settings(sink="defender", cloud=cloud))
    assert isinstance(sink, DefenderSink)

    client = await sink._graph()

    adapters = client._connection._adapters  # type: ignore[attr-defined]
    assert client._connection.root == root
    assert {a.base_url for a in adapters.values()} == {f"{root}/beta", f"{root}/v1.0"}
    validators = [
        a._authentication_provider.access_token_provider.get_allowed_hosts_validator()
        for a in adapters.values()
    ]
    assert [v.get_allowed_hosts() for v in validators] == [[host], [host]]
    await sink.close()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"DETECTOR_GRAPH_ALERTS_VERSION": "v2.0"}, id="version"),
        pytest.param({"DETECTOR_CLOUD": "china"}, id="cloud"),
        pytest.param({"DETECTOR_GRAPH_TIMEOUT_SECONDS": "0"}, id="timeout"),
        pytest.param({"DETECTOR_CREATES_PER_MINUTE": "51"}, id="a minute"),
        pytest.param({"DETECTOR_CREATES_PER_HOUR": "1501"}, id="an hour"),
        pytest.param({"DETECTOR_EVIDENCE_URL": "https://" + "e" * 300}, id="address"),
        pytest.param({"DETECTOR_SINK": "pager"}, id="sink"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        read_settings(values)


def test_one_sink_at_most_creates_incidents_and_a_file_may_stand_beside_it(tmp_path: Path) -> None:
    file = str(tmp_path / "alerts.jsonl")

    names = [sink.name for sink in make_sinks(Settings(sink="defender", alerts_file=file))]

    assert names == ["defender", "file"]
    assert make_sinks(Settings()) == []


def test_sentinel_without_its_rule_is_refused() -> None:
    with pytest.raises(SettingsError, match="DETECTOR_LOGS_RULE_ID"):
        make_sinks(Settings(sink="sentinel", logs_endpoint="https://logs.example.com"))


async def test_the_sentinel_sink_is_wired_with_the_identity_of_the_host(
    monkeypatch: pytest.MonkeyPatch, clock: DrivenClock, graph: LoopbackGraph
) -> None:
    from detector.adapters.logs_ingestion import SentinelSink

    given = {"logs_endpoint": "http://127.0.0.1:9", "logs_rule_id": "dcr-0"}
    (sink,) = make_sinks(Settings(sink="sentinel", **given))
    assert isinstance(sink, SentinelSink)

    stream = await sink._connect()

    assert stream._enforce_https is False  # type: ignore[attr-defined]
    await stream.close()
