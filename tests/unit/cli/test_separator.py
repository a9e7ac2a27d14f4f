"""--separator, which all commands that read records have."""

from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.errors import InvalidDataset
from support.builders import every_dtype_frame
from support.refusals import refusal_of
from unit.cli.test_app import commands

READERS = {
    "contract infer": ["--target", "outcome"],
    "contract reasons": [],
    "evaluate": [],
    "history features": ["--out", "features.csv"],
    "history load": [],
    "labels import": [],
    "policy simulate": ["--policy", "costs.toml"],
    "score": ["--out", "scored.csv"],
    "train": [],
    "tune": [],
}


def run(fraud, command: str, file: str, *options: str):
    version = ["champion"] if command == "evaluate" else []
    return fraud(*command.split(), *version, file, *READERS[command], *options)


def test_all_commands_that_read_a_table_have_it():
    options = {name: {option for each in found.params for option in each.opts} for name, found in commands().items()}
    tables = {
        name
        for name, found in commands().items()
        for each in found.params
        if each.metavar in {"FILE", "[FILE]", "SOURCE"}
        and each.name in {"file", "source"}
        and "ecords" in (each.help or "")
    }
    assert tables == READERS.keys() == {name for name in options if "--separator" in options[name]}


@pytest.mark.parametrize(
    "command", [name for name in READERS if name not in {"contract infer", "history features", "history load"}]
)
def test_a_command_reads_columns_with_the_separator_that_is_named(fraud, registry, credit_file, command):
    Path("costs.toml").write_text("review_cost = 20\n")
    fraud("store", "migrate")
    labels = pl.DataFrame({"decision_id": ["0199"], "is_fraud": [1], "source": ["nobody"]})
    records = pl.read_parquet(credit_file).with_columns(total_credit_limit=pl.lit(-1.0))
    (labels if command == "labels import" else records).write_csv("in.csv", separator=":")
    at_fault = "source must be" if command == "labels import" else "total_credit_limit"
    without, named = run(fraud, command, "in.csv"), run(fraud, command, "in.csv", "--separator", ":")
    assert [refusal_of(result) for result in (without, named)] == [InvalidDataset, InvalidDataset]
    assert "is missing" in without.stderr
    assert "is missing" not in named.stderr
    assert at_fault in named.stderr


@pytest.mark.parametrize(("written", "separator"), [("tab", "\t"), ("\\t", "\t"), (":", ":")])
def test_a_draft_is_of_the_separator_that_is_named(fraud, written, separator):
    every_dtype_frame(200).write_csv("loans.csv", separator=separator, quote_style="always")
    result = run(fraud, "contract infer", "loans.csv", "--separator", written)
    assert result.exit_code == 0
    assert f"# Its fields are separated by {separator!r}" in result.stdout


@pytest.mark.parametrize(
    ("file", "separator"), [("in.csv", ""), ("in.csv", ",;"), ("in.csv", "a"), ("in.csv", '"'), ("in.parquet", ";")]
)
def test_another_separator_is_a_wrong_use(fraud, file, separator):
    result = run(fraud, "train", file, "--separator", separator)
    assert result.exit_code == 2
    assert "--separator" in result.stderr


def test_a_separator_without_a_file_is_a_wrong_use(fraud):
    assert fraud("policy", "simulate", "--policy", "costs.toml", "--separator", ";").exit_code == 2
