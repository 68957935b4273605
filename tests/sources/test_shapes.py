"""Every shape in which Defender's stream and its exports have been seen (defender.md 5)."""

import json
from dataclasses import replace

import pytest

from detector.core.instant import parse_instant
from detector.core.vocabulary import Vocabulary
from detector.policies import load_policy
from detector.sources.cloud_app_events import CloudAppEvents
from tests.sources.rows import (
    AT,
    TENANT,
    activity,
    dump,
    envelope,
    only,
    read,
    record,
    row,
    source,
)

SHAPES = {
    "an envelope": envelope(record()),
    "a bare record": dump(record()),
    "a list of records": dump([record()]),
    "a flat row": dump(row()),
    "a list of flat rows": dump([row()]),
    "flat rows in an envelope": envelope(row()),
    "an envelope in another case": dump({"Records": [record()]}),
    "an indented envelope": json.dumps({"records": [record()]}, indent=2).encode(),
    "a line that ends in CRLF": dump(record()) + b"\r\n",
    "a byte order mark": b"\xef\xbb\xbf" + envelope(record()),
    "names in lower case": dump({name.lower(): value for name, value in row().items()}),
    "a record in upper case": dump(
        {"CATEGORY": "AdvancedHunting-CloudAppEvents", "PROPERTIES": row()}
    ),
    "properties in lower case": dump(record({k.lower(): v for k, v in row().items()})),
    "no category": dump(record(category=None)),
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_the_same_event(body):
    assert only(read(body)) == activity(row())


def test_a_row_becomes_an_activity():
    got = activity(
        row(AccountId="alice@example.com", AccountType="Regular", CountryCode="DE", ISP="Example")
    )

    assert got.at == parse_instant(AT)
    assert tuple(got.session) == (
        "00000000-0000-0000-0000-000000000001",
        "Alice",
        "192.0.2.1",
        "curl/8.5.0",
    )
    assert (got.action_type, got.page_title, got.space_key) == ("PageViewed", "VPN runbook", "OPS")
    assert (got.search, got.terms) == ("vpn password ***", ("password", "vpn"))
    assert tuple(got.context) == ("alice@example.com", "no", "DE", "Example")


def test_columns_that_are_missing_are_empty_as_in_kql():
    got = activity({"Timestamp": AT, "ActionType": "PageViewed", "AppName": "Confluence"})

    assert tuple(got.session) == ("", "", "", "")
    assert (got.page_title, got.space_key, got.search, got.terms) == ("", "", "", ())
    assert tuple(got.context) == ("", "", "", "")


def test_a_message_may_hold_many_records():
    reading = read(envelope(*(record(row(ReportId=str(n))) for n in range(1_000))))

    assert len({a.event_id for a in reading.activities}) == 1_000


def test_records_of_other_tables_and_applications_are_ignored():
    reading = read(
        envelope(
            record({"NetworkMessageId": 5}, category="AdvancedHunting-EmailEvents"),
            record(),
            record(row(Application="Microsoft SharePoint Online")),
            record(row(Application=None)),
            record(category="AdvancedHunting-IdentityLogonEvents"),
            record(properties=None) | {"properties": None},
        ),
        dump({"unknown": "object"}),
    )

    assert (len(reading.activities), reading.ignored, reading.rejected) == (1, 6, [])
    assert reading.records == 7


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ({"Application": "Atlassian"}, True),
        ({"Application": "atlassian confluence"}, True),
        ({"Application": "Confluence-Cloud"}, True),
        ({"Application": "Confluences"}, False),
        ({"Application": None, "AppName": "Confluence"}, True),
        ({"Application": "Word", "AppName": "Confluence"}, True),
        ({"Application": "Confluence", "AppName": "Word"}, False),
        ({"Application": "Confluence", "AppName": ""}, True),
        ({"Application": "", "AppName": ""}, False),
    ],
    ids=str,
)
def test_the_application_is_found_in_either_column(columns, counts):
    assert bool(read(dump(row(**columns))).activities) is counts


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        ({"spaceKey": "OPS", "searchQuery": "vpn"}, ("OPS", "vpn")),
        ('{"spaceKey": "OPS", "searchQuery": "vpn"}', ("OPS", "vpn")),
        ("", ("", "")),
        (None, ("", "")),
        ({}, ("", "")),
        ([{"spaceKey": "OPS"}], ("", "")),
        ("OPS", ("", "")),
        ("{not JSON", ("", "")),
        ('"{}"', ("", "")),
        (12, ("", "")),
        ({"spaceKey": None, "searchQuery": ""}, ("", "")),
        ({"SpaceKey": "OPS"}, ("", "")),
    ],
    ids=str,
)
def test_a_dynamic_column_is_an_object_its_json_text_or_nothing(raw, texts):
    got = activity(row(RawEventData=raw))

    assert (got.space_key, got.search) == texts


@pytest.mark.parametrize(
    ("flag", "privileged"),
    [
        (True, "yes"),
        (1, "yes"),
        (1.0, "yes"),
        ("1", "yes"),
        ("true", "yes"),
        ("True", "yes"),
        (False, ""),
        (0, ""),
        ("0", ""),
        ("false", ""),
        ("", ""),
        (None, ""),
    ],
    ids=repr,
)
def test_a_flag_is_a_boolean_a_number_or_text(flag, privileged):
    assert activity(row(IsAdminOperation=flag)).context.privileged == privileged


def test_the_account_type_says_who_is_privileged_under_a_policy_that_names_it():
    policy = replace(load_policy("source"), user_context=("Admin",))
    reader = CloudAppEvents(policy, Vocabulary(policy))

    said = [
        activity(row(AccountType=kind, IsAdminOperation=flag), reader).context.privileged
        for kind, flag in (("admin", None), ("Regular", 0), ("Regular", 1), (None, 0))
    ]

    assert said == ["yes", "no", "yes", ""]


@pytest.mark.parametrize(
    "columns",
    [{"ISP": "Example"}, {"Isp": "Example"}, {"ISP": "", "Isp": "Example"}],
    ids=str,
)
def test_the_provider_is_found_as_the_stream_and_the_documents_spell_it(columns):
    assert activity(row(**columns)).context.isp == "Example"


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("2026-03-11T09:30:00.1234567Z", 1_234_567),
        ("2026-03-11T09:30:00.1234567", 1_234_567),
        ("2026-03-11T10:30:00.1234567+01:00", 1_234_567),
        ("2026-03-11T09:30:00.12345678Z", 1_234_567),
        ("2026-03-11T09:30:00.1Z", 1_000_000),
        ("2026-03-11T09:30:00Z", 0),
        ("2026-03-11 09:30", 0),
    ],
)
def test_a_timestamp_keeps_its_seven_digits(text, ticks):
    assert activity(row(Timestamp=text)).at == parse_instant("2026-03-11T09:30:00Z") + ticks


@pytest.mark.parametrize(
    ("name", "raw", "title"),
    [
        ("Runbook", {"pageTitle": "Other"}, "Runbook"),
        ("", {"pageTitle": "Other"}, "Other"),
        (None, {"pageTitle": "Other"}, "Other"),
        (" ", {"pageTitle": "Other"}, " "),
        (None, {}, ""),
    ],
    ids=str,
)
def test_the_title_is_the_first_that_is_not_empty(name, raw, title):
    assert activity(row(ObjectName=name, RawEventData=raw)).page_title == title


def test_a_search_text_is_masked_unless_it_is_asked_for():
    masked = activity(row())
    raw = activity(row(), source(raw_queries=True))

    assert (masked.search, raw.search) == ("vpn password ***", "vpn password hunter2")
    assert masked.terms == raw.terms == ("password", "vpn")


@pytest.mark.parametrize(
    ("record_of", "reasons"),
    [
        (TENANT, []),
        (TENANT.upper(), []),
        (None, []),
        ("00000000-0000-0000-0000-000000000009", ["tenantId: a record of another tenant"]),
    ],
    ids=str,
)
def test_another_tenants_record_is_rejected_where_the_tenant_is_set(record_of, reasons):
    reading = read(dump(record(tenantId=record_of)), reader=source(tenant_id=TENANT))

    assert [r.reason for r in reading.rejected] == reasons


def test_without_a_tenant_setting_every_tenant_is_read():
    assert len(read(dump(record(tenantId="another"))).activities) == 1


def test_actions_that_no_table_of_the_policy_knows_are_counted():
    rows = [row(ActionType=name) for name in ("PageViewed", "jira_issue_viewed", "PAGEVIEWED")]
    reading = read(*map(dump, rows), dump(row(ActionType="jira_issue_viewed", ReportId="2")))

    assert len(reading.activities) == 4
    assert reading.unmapped == {"jira_issue_viewed": 2}
