"""The sample day under both policies: four attacks, four near misses, six look-alikes, the staff.

The accepted outcome is in source.json and recommended.json; `python -m tests.scenarios.accept`
writes them anew.
"""

import asyncio
import json

import pytest

from detector.samples.day import CAST, company_day
from detector.samples.member import (
    BULK_EXPORT,
    CREDENTIAL_HUNTING,
    ELEVATED,
    ENUMERATION,
    HIGH_VOLUME,
    SCRAPING,
)
from tests.scenarios.play import POLICIES, golden, play

SPACE_EXPORT = "Whole-space export"
BY_NAME = {member.name: member for member in CAST}


@pytest.fixture(scope="module", params=POLICIES)
def outcome(request, tmp_path_factory):
    """What the day does now under each policy."""
    return asyncio.run(play(request.param, tmp_path_factory.mktemp(request.param)))


def test_the_day_does_what_was_accepted(outcome):
    assert outcome == golden(outcome["policy"])


def test_everyone_of_the_cast_is_raised_or_silent(outcome):
    accounted = [*outcome["raised"], *outcome["opened_but_not_sent"], *outcome["silent"]]

    assert sorted(accounted) == sorted(BY_NAME)


def indicators(raised):
    """The indicator of the first alert, then each other one that an escalation brought."""
    told = [line.partition(": ")[2].rpartition(", ")[0] for line in raised["then"]]
    return list(dict.fromkeys([raised["indicator"], *told]))


@pytest.mark.parametrize(
    ("name", "indicator", "gate", "severity", "minute"),
    [
        ("Trudy", ENUMERATION, "space_enumeration", "medium", "20:49"),
        ("Mallory", CREDENTIAL_HUNTING, "credential_hunting", "high", "19:34"),
        ("Eve", SCRAPING, "space_enumeration", "medium", "22:14"),
        ("Chuck", SPACE_EXPORT, "space_export", "high", "23:08"),
    ],
)
def test_each_attack_is_raised_by_the_recommended_policy(name, indicator, gate, severity, minute):
    raised = golden("recommended")["raised"][name]

    assert BY_NAME[name].role == raised["role"] == "attack"
    assert (raised["indicator"], raised["gates"]) == (indicator, [gate])
    assert (raised["severity"], raised["raised"]) == (severity, minute)


def test_the_source_query_is_silent_about_the_space_export_alone():
    source, recommended = golden("source"), golden("recommended")

    assert set(recommended["raised"]) - set(source["raised"]) == {"Chuck"}
    assert set(source["raised"]) <= set(recommended["raised"])
    assert "Chuck" in source["silent"]
    assert recommended["raised"]["Chuck"]["query_alone"] is False


def test_the_bulk_reader_becomes_a_high_severity_while_it_reads():
    eve = golden("recommended")["raised"]["Eve"]

    assert eve["then"][0] == f"22:15 escalated: {SCRAPING}, high"


@pytest.mark.parametrize("name", ["Rupert", "Sybil", "Walter", "Pat"])
def test_each_near_miss_stays_silent(outcome, name):
    assert BY_NAME[name].role == "near miss"
    assert name in outcome["silent"]


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("svc-search-crawler", SCRAPING),
        ("svc-migration", HIGH_VOLUME),
        ("Wendy", ENUMERATION),
        ("Newton", CREDENTIAL_HUNTING),
        ("svc-backup", BULK_EXPORT),
        ("svc-build", ELEVATED),
    ],
)
def test_each_look_alike_is_raised_with_the_indicator_it_is_known_for(outcome, name, last):
    assert BY_NAME[name].role == "benign look-alike"
    assert indicators(outcome["raised"][name])[-1] == last
    assert outcome["raised"][name]["query_alone"]


def test_a_newcomers_first_searches_wait_for_more_under_the_recommended_policy():
    newton = {policy: golden(policy)["raised"]["Newton"] for policy in POLICIES}

    assert newton["source"]["raised"] == newton["source"]["opened"] == "10:09"
    assert newton["source"]["severity"] == "informational"
    assert (newton["recommended"]["opened"], newton["recommended"]["raised"]) == ("10:09", "12:26")
    assert newton["recommended"]["severity"] == "low"


def test_the_staff_stays_silent(outcome):
    staff = [member.name for member in CAST if member.role == "staff"]

    assert len(staff) == 40
    assert set(staff) <= set(outcome["silent"])


def test_alerts_come_in_the_order_of_time(outcome):
    minutes = [raised["raised"] for raised in outcome["raised"].values()]

    assert minutes == sorted(minutes)


@pytest.mark.parametrize("size", [1, 50])
def test_the_outcome_does_not_depend_on_how_records_are_batched(tmp_path, size):
    records = [r for line in company_day() for r in json.loads(line)["records"]]
    parts = [records[start : start + size] for start in range(0, len(records), size)]
    batches = [[json.dumps({"records": part}).encode()] for part in parts]

    assert asyncio.run(play("recommended", tmp_path, batches)) == golden("recommended")
