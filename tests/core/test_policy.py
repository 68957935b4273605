"""A policy refuses what cannot work and names the key; its fingerprint changes with anything."""

from dataclasses import fields, replace
from math import inf, nan

import pytest

from detector.core.instant import HOUR
from detector.core.policy import (
    MEASURES,
    AccessThreshold,
    Fields,
    IndicatorThreshold,
    Policy,
    PolicyError,
    SeverityRule,
    steps,
)
from detector.core.severity import measures
from tests.support.activities import RECOMMENDED, SOURCE, WORDS, summary, views

POLICIES = pytest.mark.parametrize("policy", [SOURCE, RECOMMENDED], ids=lambda policy: policy.name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"time_window_hours": 0}, "time_window_hours: 0 is not in", id="no window"),
        pytest.param({"time_window_hours": 169}, "time_window_hours: 169", id="beyond days kept"),
        pytest.param({"apps": ()}, "apps: empty", id="no apps"),
        pytest.param({"actions": ()}, "actions: empty", id="no actions"),
        pytest.param({"apps": ("",)}, "apps: has an empty text", id="an empty app"),
        pytest.param({"actions": ("a", "")}, "actions: has an empty", id="an empty action"),
        pytest.param(
            {"sensitive_search_terms": ("vpn", "")},
            "sensitive_search_terms: has an empty",
            id="an empty term",
        ),
        pytest.param({"minimum_severity": "loud"}, "minimum_severity: 'loud'", id="severity"),
        pytest.param(
            {"access_threshold": AccessThreshold(exports=-1)},
            "access_threshold.exports: -1",
            id="a gate below 0",
        ),
        pytest.param(
            {"indicator_threshold": IndicatorThreshold(access_rate_per_minute=-0.1)},
            "indicator_threshold.access_rate_per_minute: -0.1",
            id="an indicator below 0",
        ),
        pytest.param(
            {"indicator_threshold": IndicatorThreshold(access_rate_per_minute=inf)},
            "access_rate_per_minute: inf",
            id="no end",
        ),
        pytest.param(
            {"indicator_threshold": IndicatorThreshold(access_rate_per_minute=nan)},
            "access_rate_per_minute: nan",
            id="no number",
        ),
    ],
)
def test_a_policy_that_cannot_work_is_refused_by_key(change: dict[str, object], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        replace(SOURCE, **change)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"time_window_hours": 1}, id="the shortest window"),
        pytest.param({"time_window_hours": 168}, id="the longest window"),
        pytest.param({"sensitive_search_terms": ()}, id="no terms"),
        pytest.param({"access_threshold": AccessThreshold(exports=None)}, id="a gate switched off"),
        pytest.param({"access_threshold": AccessThreshold(exports=0)}, id="a gate at 0"),
        *(
            pytest.param({"minimum_severity": s}, id=s)
            for s in ("informational", "low", "medium", "high")
        ),
    ],
)
def test_a_policy_at_its_limits_is_taken(change: dict[str, object]) -> None:
    taken = replace(SOURCE, **change)

    assert {key: getattr(taken, key) for key in change} == change


@pytest.mark.parametrize(
    ("severity", "above", "says"),
    [
        pytest.param("loud", {}, "severity_rules 'r': 'loud' is no severity", id="severity"),
        pytest.param("low", {"b": 1, "a": 1}, "'r': no such measure: a, b", id="measures"),
    ],
)
def test_a_severity_rule_that_cannot_work_is_refused(
    severity: str, above: dict[str, float], says: str
) -> None:
    with pytest.raises(PolicyError, match=says):
        SeverityRule(name="r", severity=severity, above=above)


def test_the_measures_a_rule_may_ask_for_are_those_that_are_computed() -> None:
    assert set(measures(summary(views(1)), SOURCE, WORDS["source"])) == MEASURES


@POLICIES
def test_equal_policies_have_equal_fingerprints(policy: Policy) -> None:
    assert replace(policy).fingerprint == policy.fingerprint
    assert len(policy.fingerprint) == 16


CHANGES: dict[str, object] = {
    "name": "other",
    "minimum_severity": "high",
    "time_window_hours": 23,
    "mute_days": 31,
    "gate_users": True,
    "fields": Fields(search_query=("q",)),
    "severity_rules": (),
    "access_threshold": AccessThreshold(bulk_access=41),
    "indicator_threshold": IndicatorThreshold(spaces=11),
}


@pytest.mark.parametrize("key", [field.name for field in fields(Policy)])
def test_the_fingerprint_changes_with(key: str) -> None:
    changed = replace(SOURCE, **{key: CHANGES.get(key, ("new",))})

    assert changed.fingerprint != SOURCE.fingerprint


def test_the_window_is_in_ticks() -> None:
    assert SOURCE.time_window == 24 * HOUR


def test_the_defaults_are_the_querys_numbers() -> None:
    bare = Policy(
        name="bare",
        apps=SOURCE.apps,
        actions=SOURCE.actions,
        export_actions=SOURCE.export_actions,
        download_actions=SOURCE.download_actions,
        sensitive_search_terms=SOURCE.sensitive_search_terms,
    )

    same = ("access_threshold", "indicator_threshold", "time_window_hours", "fields", "gate_users")
    assert [getattr(bare, key) for key in same] == [getattr(SOURCE, key) for key in same]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spaceKey", ("spaceKey",)),
        ("a.b", ("a", "b")),
        ("a[0].b-c[12]", ("a", 0, "b-c", 12)),
        ("", ()),
    ],
)
def test_a_path_is_names_and_places(path: str, expected: tuple[str | int, ...]) -> None:
    assert steps(path) == expected


@pytest.mark.parametrize(
    "path",
    ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a[x]", "a[0]b", "a[-1]", "a[" + "9" * 4_400 + "]"],
)
def test_what_is_no_path_is_refused_by_key(path: str) -> None:
    with pytest.raises(PolicyError, match=r"^fields.page_title: .* is no path such as a.b\[0\].c$"):
        Fields(page_title=("good", path))
