"""`sample`: the day that is in examples/, flat rows, and bulk records."""

import json

import pytest

from tests.cli.streams import AT, DAY


def test_the_sample_is_the_day_in_examples(cli, tmp_path):
    printed = cli("sample")
    written = cli("sample", "--out", "day.jsonl")

    assert (printed.code, written.code, written.out) == (0, 0, "")
    assert printed.out.encode() == (tmp_path / "day.jsonl").read_bytes() == DAY.read_bytes()


def test_flat_rows_score_the_same_as_the_stream(cli, tmp_path):
    cli("sample", "--flat", "--out", "flat.jsonl")

    flat = cli("score", "flat.jsonl", "--at", AT, "--format", "json")

    assert "Timestamp" in json.loads((tmp_path / "flat.jsonl").read_bytes().splitlines()[0])
    assert flat.out == cli("score", DAY, "--at", AT, "--format", "json").out


def test_another_seed_is_another_day_with_the_same_findings(cli, tmp_path):
    cli("sample", "--seed", "7", "--out", "other.jsonl")

    both = [
        json.loads(cli("score", f, "--at", AT, "--format", "json").out)
        for f in ("other.jsonl", DAY)
    ]

    assert (tmp_path / "other.jsonl").read_bytes() != DAY.read_bytes()
    said = [{(r["AccountDisplayName"], r["ThreatIndicator"]) for r in rows} for rows in both]
    assert said[0] == said[1]


@pytest.mark.parametrize("flat", [[], ["--flat"]], ids=["enveloped", "flat"])
def test_bulk_makes_as_many_records_as_asked(cli, flat):
    lines = cli("sample", "--bulk", "100", *flat).out.splitlines()

    documents = [json.loads(line) for line in lines]
    records = documents if flat else [r for d in documents for r in d["records"]]
    assert len(records) == 100


def test_a_file_that_cannot_be_written_is_named(cli):
    shown = cli("sample", "--out", "none/day.jsonl")

    assert shown.code == 2
    assert shown.err == "error: none/day.jsonl: cannot be written (No such file or directory)\n"
