"""`kql`: the policy's query on standard output."""

import json

import pytest

from detector.core.kql import query
from detector.policies import load_policy


@pytest.mark.parametrize("by", ["session", "user"])
@pytest.mark.parametrize("name", ["source", "recommended"])
def test_the_query_is_printed_as_it_is(cli, name, by):
    shown = cli("kql", "--policy", name, "--by", by)

    assert (shown.code, shown.err) == (0, "")
    assert shown.out == query(load_policy(name), by=by)


def test_the_default_is_the_source_query_by_session(cli):
    assert cli("kql").out == cli("kql", "--policy", "source", "--by", "session").out


def test_as_json_it_is_one_object(cli):
    assert json.loads(cli("kql", "--format", "json").out) == {"query": cli("kql").out}


def test_the_policy_may_be_a_file(cli, tmp_path):
    shown = cli("policy", "show", "--policy", "source")
    tuned = json.loads(shown.out)
    tuned["access_threshold"]["bulk_access"] = 77
    (tmp_path / "policy.json").write_text(json.dumps(tuned))

    assert "77" in cli("kql", "--policy", "policy.json").out
