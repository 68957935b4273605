"""What is deployed and what is coded are one thing."""

import json
import re
from datetime import UTC, datetime

import miner
import publish
import pytest

from detector import telemetry
from detector.core.kql import query
from detector.core.reading import Message
from detector.core.rules import judge_user
from detector.core.vocabulary import Vocabulary
from detector.dispatch import DispatchReport
from detector.evaluate import EvaluateReport
from detector.housekeep import HousekeepReport
from detector.ingest import IngestReport
from detector.policies import load_policy
from detector.settings import PREFIX, Settings
from detector.sources.cloud_app_events import CloudAppEvents
from detector.state import keys
from tests.infra.support import adr
from tests.infra.support.bicep import of
from tests.infra.support.paths import INFRA, QUERIES, ROOT

CONTRACT = json.loads((INFRA / "log-contract.json").read_text())
NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


def test_the_settings_of_the_code_are_those_of_the_adr():
    named = {name for name in adr.settings() if name.startswith(PREFIX)}

    assert {f"{PREFIX}{field.upper()}" for field in Settings.model_fields} == named


def test_every_setting_the_deployment_writes_is_accepted():
    text = of(INFRA / "resources.bicep", "var")["settings"].body
    defaults = dict(re.findall(r"  DETECTOR_(\w+): .*\?\? '?([\w.]+)'?\)?$", text, re.MULTILINE))

    settings = Settings.model_validate_json(json.dumps({k.lower(): v for k, v in defaults.items()}))

    assert len(defaults) >= 5
    assert settings.creates_per_minute == int(defaults["CREATES_PER_MINUTE"])


def test_bounds_of_the_deployment_are_within_those_of_the_code():
    text = (INFRA / "types.bicep").read_text()
    for option, field in (
        ("createsPerMinute", "creates_per_minute"),
        ("createsPerHour", "creates_per_hour"),
        ("graphTimeoutSeconds", "graph_timeout_seconds"),
    ):
        low, high = re.search(
            rf"@minValue\((\d+)\)\n  @maxValue\((\d+)\)\n  {option}: int", text
        ).groups()
        for value in (low, high):
            Settings.model_validate_json(json.dumps({field: value}))


def test_the_tables_of_the_code_exist_from_the_start():
    tables = {keys.MARKS, keys.WINDOWS, keys.EPISODES, keys.EVIDENCE}
    tables |= {keys.MUTES, keys.DEAD_LETTERS, keys.META}

    assert tables == adr.tables()


def test_the_hunting_query_is_the_source_policy():
    lines = (QUERIES / "hunting.kql").read_text().splitlines(keepends=True)
    head = [line for line in lines[:2] if line.startswith("//")]

    assert "".join(lines[len(head) :]) == query(load_policy("source"))


NO_BATCH = IngestReport(records=0, activities=0, rejected=0, ignored=0, late=0, too_old=0, skewed=0)
NO_HOUSEKEEPING = HousekeepReport(days_dropped=0, rows_purged=0, newer_schema_rows=0)
LINES = {
    "ingested": telemetry.ingested(NO_BATCH, partition="", messages=0, gaps=0, lag=0, seconds=0),
    "evaluated": telemetry.evaluated(EvaluateReport(at=0), backlog=0, seconds=0),
    "dispatched": telemetry.dispatched(DispatchReport(), now=0, seconds=0),
    "housekept": telemetry.housekept(NO_HOUSEKEEPING, seconds=0),
}


@pytest.mark.parametrize("event", LINES)
def test_a_line_has_the_fields_that_alerts_and_workbook_read(event):
    line = LINES[event]

    assert line["event"] == event
    assert [*line.keys()][1:] == CONTRACT[event]


@pytest.mark.parametrize("policy", ["recommended", "source"])
def test_the_miner_of_the_smoke_test_is_a_hit(policy):
    bodies = miner.messages(miner.Miner(run=7), now=NOW, tenant_id="t")
    chosen = load_policy(policy)
    vocabulary = Vocabulary(chosen)
    messages = [Message(body, "smoke", number, None) for number, body in enumerate(bodies)]
    activities = CloudAppEvents(chosen, vocabulary).read(messages).activities

    verdict = judge_user(activities, max(a.at for a in activities), chosen, vocabulary)

    assert verdict.is_hit
    assert "bulk_access" in verdict.passing[0].gates


def test_traces_are_never_sampled_away():
    """Alerts count log lines: each must arrive."""
    host = json.loads((ROOT / "host.json").read_text())

    sampling = host["logging"]["applicationInsights"]["samplingSettings"]
    assert not sampling["isEnabled"] or "Trace" in sampling["excludedTypes"].split(";")


def test_publishing_waits_for_every_function_of_the_app():
    declared = re.findall(r'@app\.function_name\("(\w+)"\)', (ROOT / "function_app.py").read_text())

    assert declared
    assert set(declared) <= publish.FUNCTIONS
