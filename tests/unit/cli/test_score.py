"""fraud score."""

import json
import subprocess
import sys

import polars as pl
import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import InvalidDataset, NoChampion, RegistryUnavailable, UnknownModel
from support.builders import levels_files
from support.polling import eventually
from support.refusals import refusal_of


@pytest.mark.parametrize("target", [pytest.param("scored.csv", marks=pytest.mark.slow), "scored.parquet"])
def test_score_adds_the_probability_and_says_where(fraud, file_registry_path, credit_file, target):
    result = fraud("score", credit_file, "--out", target, "--registry", file_registry_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"scored 3,000 records with version 1; wrote {target}\n"
    scored = pl.read_csv(target) if target.endswith("csv") else pl.read_parquet(target)
    assert scored.columns == [*pl.read_parquet(credit_file).columns, "fraud_probability", "risk_score", "outcome"]
    assert scored["fraud_probability"].is_between(0, 1).all()
    assert scored["risk_score"].is_between(0, 1000).all()
    assert {"approve", "review"} <= set(scored["outcome"]) <= {"approve", "review", "decline"}


def test_a_version_may_be_named(fraud, file_registry_path, credit_file):
    arguments = ["score", credit_file, "--out", "scored.csv", "--registry", file_registry_path]
    assert fraud(*arguments, "--model", "1").exit_code == 0
    assert refusal_of(fraud(*arguments, "--model", "2")) is UnknownModel


def test_a_registry_that_does_not_exist_is_reported(fraud, credit_file):
    result = fraud("score", credit_file, "--out", "scored.csv", "--registry", "nope")
    assert refusal_of(result) is RegistryUnavailable
    assert "nope does not exist" in result.stderr


def test_without_a_champion_nothing_is_scored(fraud, credit_file, tmp_path):
    (tmp_path / "registry").mkdir()
    assert refusal_of(fraud("score", credit_file, "--out", "scored.csv")) is NoChampion


def test_records_that_break_the_contract_are_told(fraud, file_registry_path, credit_file, tmp_path):
    frame = pl.read_parquet(credit_file).with_columns(total_credit_limit=pl.lit(-1.0))
    frame.write_parquet("bad.parquet")
    result = fraud("score", "bad.parquet", "--out", "scored.csv", "--registry", file_registry_path)
    assert refusal_of(result) is InvalidDataset
    assert result.stderr.startswith("error: bad.parquet: total_credit_limit ")
    assert "3000 rows (1, 2, 3, 4, 5, …)" in result.stderr
    assert not (tmp_path / "scored.csv").exists()


def test_a_file_without_records_is_scored(fraud, file_registry_path, credit_file):
    pl.read_parquet(credit_file).clear().write_parquet("none.parquet")
    result = fraud("score", "none.parquet", "--out", "scored.parquet", "--registry", file_registry_path)
    assert (result.exit_code, pl.read_parquet("scored.parquet").height) == (0, 0)


def test_the_input_is_not_overwritten(fraud, file_registry_path, credit_file):
    pl.read_parquet(credit_file).write_csv("io.csv")
    result = fraud("score", "io.csv", "--out", "./io.csv", "--registry", file_registry_path)
    assert refusal_of(result) is InvalidDataset
    assert "fraud_probability" not in pl.read_csv("io.csv").columns


@pytest.mark.parametrize("target", [pytest.param("scored.csv", marks=pytest.mark.slow), "scored.parquet"])
def test_sigterm_leaves_no_customers_rows_behind(file_registry_path, credit_file, tmp_path, target):
    pl.concat([pl.read_parquet(credit_file)] * 500).write_parquet("many.parquet")
    command = [sys.executable, "-c", "from fraud_detection_api.cli import app; app()", "score", "many.parquet"]
    with subprocess.Popen([*command, "--out", target, "--registry", str(file_registry_path)]) as process:
        eventually(lambda: list(tmp_path.glob(".scored.*")) or process.poll() is not None, "a file half written")
        process.terminate()
        status = process.wait(30)
    assert status == 143
    assert [path.name for path in tmp_path.iterdir()] == ["many.parquet"]


def test_unseen_levels_are_counted_by_column(fraud, tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(levels_files()))
    channels, colours = ["WEB", "web", "Shop", None], ["red", "red", "green", "red"]
    pl.DataFrame({"amount": [50.0] * 4, "channel": channels, "colour": colours}).write_csv("in.csv")
    said = fraud("score", "in.csv", "--out", "out.csv").stderr.splitlines()
    assert said[1:] == [
        "channel: a level that the model does not know in 2 records",
        "colour: a level that the model does not know in 1 record",
        "2 records with such a level must be reviewed, because it matters there",
    ]
    assert pl.read_csv("out.csv")["outcome"].to_list() == ["review", "review", "review", "approve"]
    assert json.loads(fraud("score", "in.csv", "--out", "out.csv", "--json").stdout) == {
        "records": 4,
        "model": "1",
        "out": "out.csv",
        "unseen_levels": {"channel": 2, "colour": 1},
        "reviewed_for_unseen_levels": 2,
    }


def test_a_file_with_refused_levels_is_not_scored(fraud, tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(levels_files('"refuse"')))
    pl.DataFrame({"amount": [50.0] * 2, "channel": ["WEB", "web"], "colour": ["red"] * 2}).write_csv("in.csv")
    result = fraud("score", "in.csv", "--out", "out.csv")
    assert refusal_of(result) is InvalidDataset
    assert "channel must be one of 'PHONE', 'SHOP', 'WEB': 1 row (2)" in result.stderr
