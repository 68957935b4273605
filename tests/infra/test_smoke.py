"""smoke.py: its miner, its steps and what each exit code means; not its transports."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import cloud
import miner
import pytest
import smoke
import smoke_services
from smoke_steps import Clock, Step, run

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
WHERE = [
    "--hub",
    "hub.example.com",
    "--hub-name",
    "cloudappevents",
    "--state",
    "https://s.example.com",
]
WHERE += ["--tenant-id", "00000000-0000-0000-0000-000000000003"]


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.at = 0.0

    def clock(self):
        return Clock(now=lambda: self.at, sleep=self.sleep)

    def sleep(self, seconds):
        self.at += seconds


def a_step(*answers, name="step", code=12, seconds=60.0):
    """A step whose attempts give these answers, the last one for ever."""
    left = list(answers)

    def attempt():
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Step(name=name, code=code, seconds=seconds, attempt=attempt)


def records(run_number=7):
    one = miner.Miner(run=run_number)
    bodies = miner.messages(one, now=NOW, tenant_id="t")
    return [record for body in bodies for record in json.loads(body)["records"]]


def test_the_miner_reads_more_than_forty_pages_at_more_than_ten_a_minute():
    times = [datetime.fromisoformat(r["properties"]["Timestamp"]) for r in records()]
    boundaries = int(max(times).timestamp() // 60) - int(min(times).timestamp() // 60)

    assert len(times) == miner.PAGES > 40
    assert len(times) / max(boundaries, 1) > 10


def test_the_last_event_of_the_miner_is_now_and_none_is_in_the_future():
    times = [datetime.fromisoformat(r["properties"]["Timestamp"]) for r in records()]

    assert max(times) == NOW
    assert min(times) > NOW - timedelta(minutes=10)


def test_every_event_of_the_miner_is_distinct_and_says_it_is_a_test():
    properties = [record["properties"] for record in records()]

    assert len({p["ReportId"] for p in properties}) == miner.PAGES
    assert {p["AccountDisplayName"] for p in properties} == {"Smoke test 7"}
    assert {p["IPAddress"] for p in properties} == {"192.0.2.10"}


def test_two_runs_are_two_accounts_without_a_common_event():
    first, second = records(7), records(8)

    assert {r["properties"]["AccountObjectId"] for r in first}.isdisjoint(
        r["properties"]["AccountObjectId"] for r in second
    )
    assert {r["properties"]["ReportId"] for r in first}.isdisjoint(
        r["properties"]["ReportId"] for r in second
    )


@pytest.mark.parametrize("number", [0, 1, 1_800_000_000, 2**48 - 1])
def test_the_account_is_a_guid_whatever_the_run(number):
    assert str(UUID(miner.Miner(run=number).account_object_id)) == (
        miner.Miner(run=number).account_object_id
    )


def test_a_message_is_an_envelope_that_fits_any_hub():
    bodies = miner.messages(miner.Miner(run=7), now=NOW, tenant_id="t")

    assert all(len(body) < 64 * 1024 for body in bodies)
    assert {r["category"] for r in records()} == {"AdvancedHunting-CloudAppEvents"}
    assert {r["tenantId"] for r in records()} == {"t"}


def test_a_step_is_tried_until_it_comes_true():
    time, said = Time(), []

    code = run([a_step(None, None, "there")], time.clock(), said.append)

    assert code == cloud.OK
    assert time.at == 10.0
    assert said == ["ok      step (10 s): there"]


def test_a_step_that_never_comes_true_ends_with_its_code():
    said = []

    code = run([a_step(None, code=13)], Time().clock(), said.append)

    assert code == 13
    assert said[-1].startswith("FAILED  step after 60 s: not seen")


def test_the_steps_after_a_failed_one_are_not_tried():
    said = []

    run([a_step(None, name="first"), a_step("there", name="second")], Time().clock(), said.append)

    assert not any("second" in line for line in said)


def test_a_service_that_is_away_for_a_moment_is_forgiven():
    step = a_step(cloud.CloudError("busy"), "there")

    assert run([step], Time().clock(), [].append) == cloud.OK


def test_a_service_that_stays_away_has_its_own_code():
    said = []

    code = run([a_step(cloud.CloudError("no connection"))], Time().clock(), said.append)

    assert code == cloud.NO_ANSWER
    assert "no connection" in said[-1]


def test_a_step_of_one_attempt_is_not_repeated():
    time = Time()

    assert run([a_step(None, code=11, seconds=0)], time.clock(), [].append) == 11
    assert time.at == 0.0


@pytest.mark.parametrize(
    ("row", "found"),
    [
        pytest.param(None, None, id="no row yet"),
        pytest.param({"TotalActions": 59}, None, id="one action is missing"),
        pytest.param({"TotalActions": 60}, "TotalActions 60", id="all are there"),
        pytest.param({"TotalActions": 61}, "TotalActions 61", id="more, after a second run"),
    ],
)
def test_the_counter_is_there_when_every_action_is_in_it(row, found):
    assert smoke.counted(row) == found


def test_the_episode_is_told_with_its_indicator_and_severity():
    row = {"EpisodeId": "e1", "ThreatIndicator": "Automated scraping", "Severity": "high"}

    assert smoke.opened(row) == "e1: Automated scraping, high"
    assert smoke.opened(None) is None


@pytest.mark.parametrize(
    ("deliveries", "found"),
    [
        pytest.param({}, None, id="not tried"),
        pytest.param({"defender": {"status": "leased"}}, None, id="under way"),
        pytest.param({"sentinel": {"status": "sent"}}, None, id="another sink has it"),
        pytest.param(
            {"defender": {"status": "sent", "incident_id": "42"}}, "sent to defender 42", id="sent"
        ),
    ],
)
def test_an_incident_is_sent_when_its_sink_has_taken_it(deliveries, found):
    row = {"Body": json.dumps({"deliveries": deliveries})}

    assert smoke.sent(row, "defender") == found
    assert smoke.sent(None, "defender") is None


def incidents(graph):
    return smoke_services.Incidents(api=cloud.Api(root=f"{graph.root}/v1.0", token="test"))


def test_the_incident_is_found_by_the_name_of_the_miner_on_any_page(graph):
    graph.incidents = [
        {"id": "1", "displayName": "Something else", "alerts": []},
        {"id": "2", "displayName": "Confluence data mining by Smoke test 7: 60 pages"},
    ]

    assert incidents(graph).find("Smoke test 7", NOW)["id"] == "2"
    assert incidents(graph).find("Smoke test 8", NOW) is None


def test_an_alert_inside_an_incident_counts_as_well(graph):
    graph.incidents = [
        {"id": "1", "displayName": "Multi-stage", "alerts": [{"title": "... Smoke test 7: ..."}]}
    ]

    assert incidents(graph).find("Smoke test 7", NOW)["id"] == "1"


def test_a_merged_incident_is_followed(graph):
    graph.incidents = [
        {"id": "1", "displayName": "Smoke test 7", "redirectIncidentId": "2"},
        {"id": "2", "displayName": "The one it was merged into"},
    ]

    assert incidents(graph).find("Smoke test 7", NOW)["id"] == "2"


def test_closing_resolves_the_incident_as_a_security_test(graph):
    graph.incidents = [{"id": "1", "displayName": "Smoke test 7"}]

    incidents(graph).close("1")

    assert graph.incidents[0]["status"] == "resolved"
    assert graph.incidents[0]["classification"] == "informationalExpectedActivity"
    assert graph.incidents[0]["determination"] == "securityTesting"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param([], "send, counter, episode", id="no sink"),
        pytest.param(
            ["--sink", "defender"], "send, counter, episode, incident, close", id="defender"
        ),
        pytest.param(
            ["--sink", "sentinel", "--leave-open"],
            "send, counter, episode, incident",
            id="left open",
        ),
        pytest.param(
            ["--health-url", "https://h.example.com"], "health, send, counter, episode", id="health"
        ),
    ],
)
def test_the_steps_follow_from_what_is_deployed(options, names, capsys):
    assert smoke.main([*WHERE, "--dry-run", "--run", "7", *options]) == cloud.OK
    assert f"steps: {names}\n" in capsys.readouterr().out


def test_the_dry_run_shows_what_would_be_sent(capsys):
    smoke.main([*WHERE, "--dry-run", "--run", "7"])
    shown = json.loads(capsys.readouterr().out.split("\n", 1)[1])

    assert shown["properties"]["AccountDisplayName"] == "Smoke test 7"


@pytest.mark.parametrize("left_out", ["--hub", "--hub-name", "--state", "--tenant-id"])
def test_a_missing_address_is_a_mistake_of_the_user(left_out, monkeypatch):
    for variable in (
        "EVENTHUB_NAMESPACE_HOST",
        "EVENTHUB_NAME",
        "DETECTOR_STATE",
        "AZURE_TENANT_ID",
    ):
        monkeypatch.delenv(variable, raising=False)
    at = WHERE.index(left_out)

    with pytest.raises(SystemExit) as stopped:
        smoke.main([*WHERE[:at], *WHERE[at + 2 :], "--dry-run"])

    assert stopped.value.code == cloud.USAGE


def test_the_outputs_of_the_deployment_are_the_defaults(monkeypatch, capsys):
    monkeypatch.setenv("EVENTHUB_NAMESPACE_HOST", "hub.example.com")
    monkeypatch.setenv("EVENTHUB_NAME", "cloudappevents")
    monkeypatch.setenv("DETECTOR_STATE", "https://s.example.com")
    monkeypatch.setenv("AZURE_TENANT_ID", "t")
    monkeypatch.setenv("DETECTOR_SINK", "defender")

    assert smoke.main(["--dry-run"]) == cloud.OK
    assert "incident, close" in capsys.readouterr().out


def test_what_the_health_page_finds_wrong_is_told_and_no_failure(graph):
    assert smoke.health(f"{graph.root}/v1.0/health") == "unhealthy; hub/3: no event for 30,000 s"


def test_an_answer_that_is_no_health_page_does_not_count(graph):
    assert smoke.health(f"{graph.root}/v1.0/anything") is None


def test_a_health_page_that_is_not_there_is_a_cloud_error():
    with pytest.raises(cloud.CloudError):
        smoke.health("http://127.0.0.1:9/api/health")


def test_every_exit_code_is_written_in_the_help():
    for code in (
        smoke.HEALTH,
        smoke.SEND,
        smoke.COUNTER,
        smoke.EPISODE,
        smoke.INCIDENT,
        smoke.CLOSE,
    ):
        assert f"{code} " in smoke.__doc__
