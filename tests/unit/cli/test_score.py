"""fraud score."""

import json
import os
import shutil
import signal
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
        "channel: missing in 1 record, and never in training",
        "2 records with such a level must be reviewed, because it matters there",
    ]
    assert pl.read_csv("out.csv")["outcome"].to_list() == ["review", "review", "review", "approve"]
    assert json.loads(fraud("score", "in.csv", "--out", "out.csv", "--json").stdout) == {
        "records": 4,
        "model": "1",
        "out": "out.csv",
        "unseen_levels": {"channel": 2, "colour": 1},
        "reviewed_for_unseen_levels": 2,
        "unseen_missing": {"channel": 1},
    }


def test_a_file_with_refused_levels_is_not_scored(fraud, tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(levels_files('"refuse"')))
    pl.DataFrame({"amount": [50.0] * 2, "channel": ["WEB", "web"], "colour": ["red"] * 2}).write_csv("in.csv")
    result = fraud("score", "in.csv", "--out", "out.csv")
    assert refusal_of(result) is InvalidDataset
    assert "channel must be one of 'PHONE', 'SHOP', 'WEB': 1 row (2)" in result.stderr


@pytest.fixture
def folder(credit_file, tmp_path):
    """A folder of three files of 1,000 records."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        pl.read_parquet(credit_file)[number * 1000 :][:1000].write_parquet(tmp_path / "in" / f"{number}.parquet")


def test_each_file_of_a_folder_is_scored_and_the_command_goes_on(fraud, file_registry_path, folder):
    arguments = ["score", "in", "--out", "out", "--registry", file_registry_path, "--jobs", "1"]
    result = fraud(*arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "scored 3,000 records of 3 files with version 1; wrote out\n"
    assert pl.read_parquet("out/*.parquet").height == 3000
    again = fraud(*arguments, "--json")
    document = json.loads(again.stdout)
    assert (document["records"], document["files"], document["scored_earlier"]) == (3000, 3, 3)
    assert json.loads(again.stderr.splitlines()[-1])["share"] == 1


def test_a_bad_file_of_a_folder_is_named_and_the_exit_status_is_1(fraud, file_registry_path, folder):
    pl.read_parquet("in/1.parquet").with_columns(total_credit_limit=pl.lit(-1.0)).write_parquet("in/1.parquet")
    result = fraud("score", "in/*.parquet", "--out", "out", "--registry", file_registry_path, "--jobs", "1", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert (document["records"], document["files"]) == (2000, 2)
    (failed,) = document["failed"]
    assert failed["file"] == "in/1.parquet"
    assert "1000 rows (1, 2, 3, 4, 5, …)" in failed["problems"][0]


@pytest.mark.parametrize("out", ["in", "in/scores"])
def test_scores_do_not_go_among_the_records(fraud, file_registry_path, folder, out):
    result = fraud("score", "in", "--out", out, "--registry", file_registry_path, "--jobs", "1")
    assert refusal_of(result) is InvalidDataset


def test_a_folder_without_files_of_records_is_told(fraud, file_registry_path, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("none")
    result = fraud("score", "in", "--out", "out", "--registry", file_registry_path, "--jobs", "1")
    assert refusal_of(result) is InvalidDataset
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_folder_whose_scoring_is_killed_has_each_file_once_in_the_end(file_registry_path, folder, tmp_path):
    for number in range(3, 24):
        shutil.copy(f"in/{number % 3}.parquet", f"in/{number}.parquet")
    command = [sys.executable, "-c", "from fraud_detection_api.cli import app; app()", "score", "in"]
    command += ["--out", "out", "--jobs", "2", "--registry", str(file_registry_path)]
    with subprocess.Popen(command, start_new_session=True) as process:
        eventually(
            lambda: list(tmp_path.glob("out/_scored/*.parquet.json")) or process.poll() is not None,
            "a scored file",
            within_seconds=90,
        )
        os.killpg(process.pid, signal.SIGKILL)
    marks = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("out/_scored/*.parquet.json")}
    assert 0 < len(marks) < 24
    assert subprocess.run(command, check=False).returncode == 0
    assert sorted(path.name for path in tmp_path.glob("out/*.parquet")) == sorted(f"{n}.parquet" for n in range(24))
    assert all((tmp_path / "out" / "_scored" / name).stat().st_mtime_ns == made for name, made in marks.items())
    assert pl.scan_parquet("out/*.parquet").select(pl.len()).collect().item() == 24_000


def test_a_delta_table_gets_what_is_new_in_one_commit(fraud, file_registry_path, folder):
    arguments = ["score", "in", "--out", "table", "--delta", "--registry", file_registry_path, "--jobs", "1"]
    assert fraud(*arguments).exit_code == 0
    assert (pl.read_delta("table").height, pl.read_delta("table")["risk_score"].dtype) == (3000, pl.Int16)
    assert fraud(*arguments).exit_code == 0
    assert pl.read_delta("table").height == 3000
    more = pl.read_parquet("in/0.parquet").head(10)
    more.write_parquet("in/more.parquet")
    assert fraud(*arguments).exit_code == 0
    assert pl.read_delta("table").height == 3010
    more.head(9).write_parquet("in/more.parquet")
    assert refusal_of(fraud(*arguments)) is InvalidDataset
    more.write_parquet("in/more.parquet")
    more.rename({"is_fraud": "fraud"}).write_parquet("in/other.parquet")
    assert refusal_of(fraud(*arguments[:3], "other", *arguments[4:])) is InvalidDataset
    assert pl.read_delta("table").height == 3010


def test_a_delta_table_is_scored_with_the_columns_that_its_log_holds(fraud, file_registry_path, credit_file):
    frame = pl.read_parquet(credit_file).head(40).with_columns(branch=pl.Series(["north", "south"] * 20))
    frame.write_delta("records", delta_write_options={"partition_by": ["branch"]})
    result = fraud("score", "records", "--out", "out", "--registry", file_registry_path, "--jobs", "1")
    assert result.exit_code == 0
    assert pl.read_parquet("out/**/*.parquet", hive_partitioning=False)["branch"].value_counts()["count"].to_list() == [
        20,
        20,
    ]
