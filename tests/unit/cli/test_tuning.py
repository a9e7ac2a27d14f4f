"""fraud tune."""

import json
from dataclasses import asdict

import polars as pl
import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.statistics.estimates import Estimate
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.verdict import Verdict
from support import commands

TINY = XGBoostSettings(folds=2, max_rounds=30, max_bin=64, learning_rate=0.1, max_depth=2, subsample=0.4)


@pytest.fixture
def quick(monkeypatch):
    """Training and tuning in a moment."""
    from fraud_detection_api.jobs import tuning
    from fraud_detection_api.training.recipes import Race

    monkeypatch.setattr(tuning, "race", lambda *_asked, **_options: Race(TINY, ()))
    monkeypatch.setattr(tuning, "RECIPES", {})
    with commands.trainings_with(threads=1, training_shares=()):
        yield


def test_tune_registers_the_best_and_tells_what_it_gained(fraud, quick, credit_file, tmp_path):
    result = fraud("tune", credit_file, "--trials", 3, "--folds", 2)
    assert result.exit_code == 0
    first, second, _third, gain, compared, *_rest = result.stderr.splitlines()
    assert first.startswith("1 of 3 trials are finished, best so far 0.")
    assert second.startswith("2 of 3 trials are finished, best so far 0.")
    assert gain.startswith("average precision: 0.")
    assert "with the defaults" in gain
    assert compared.startswith("on 601 held-out records, average precision is 0.")
    assert FileRegistry(tmp_path / "registry").versions() == ["1"]
    assert "Held-out test part" in result.stdout
    files = FileRegistry(tmp_path / "registry").fetch("1")
    card = read_bundle(files, source="test").card
    assert card["tuning"]["study"] == "credit-study.db"
    assert card["tuning"]["digest"].startswith("sha256:")
    assert card["tuning"]["trials"] == 3
    assert b"Tuning" in files["report.html"]


@pytest.mark.parametrize("is_better", [True, False])
def test_settings_that_are_no_better_on_held_out_records_are_not_registered(
    fraud, quick, credit_file, tmp_path, monkeypatch, is_better
):
    from fraud_detection_api.jobs import tuning

    found = Verdict(600, 0.5, 0.5, Estimate(0.01 if is_better else 0.0, -0.1, 0.1))
    monkeypatch.setattr(tuning, "judge", lambda *_both, **_options: found)
    result = fraud("tune", credit_file, "--trials", 2, "--folds", 2)
    assert result.exit_code == 0
    files = FileRegistry(tmp_path / "registry").fetch("1")
    card = read_bundle(files, source="test").card
    assert card["tuning"]["held_out"] == found.as_json()
    assert ("trained with the defaults" in result.stderr) is not is_better
    assert "may be chance" in result.stderr
    assert (b"this model was trained with the defaults" in files["report.html"]) is not is_better
    used = card["training"]["settings"]
    assert (used == asdict(TINY)) or is_better
    assert is_better is all(used[name] == chosen for name, chosen in card["tuning"]["settings"].items() if name in used)


def test_groups_of_a_separate_file_measure_the_tuned_model(fraud, quick, credit_file):
    ids = pl.read_parquet(credit_file)["customer_id"].unique(maintain_order=True)
    sides = (["left", "right"] * len(ids))[: len(ids)]
    pl.DataFrame({"customer_id": ids, "side": sides}).write_csv("groups.csv")
    tuned = fraud("tune", credit_file, "--trials", 1, "--folds", 2, "--groups", "groups.csv", "--json")
    (fairness,) = json.loads(tuned.stdout)["fairness"]
    assert {each["band"]["level"] for each in fairness["groups"]} == {"left", "right"}


def test_the_same_command_goes_on_and_says_from_where(fraud, quick, credit_file):
    fraud("tune", credit_file, "--trials", 1, "--folds", 2)
    again = fraud("tune", credit_file, "--trials", 2, "--folds", 2, "--json")
    assert [trial["trial"] for trial in json.loads(again.stdout)["tuning"]["history"]] == [0, 1]
    told = [line.partition(",")[0] for line in again.stderr.splitlines()[:2]]
    assert told == ["1 of 2 trials are finished", "2 of 2 trials are finished"]


@pytest.mark.parametrize("option", [["--train-days", 3], ["--delay-days", 0], ["--leave-out-known"]])
def test_an_option_about_time_is_refused_where_the_contract_has_none(fraud, credit_file, option):
    result = fraud("tune", credit_file, *option)
    assert result.exit_code == 2
    assert "[time]" in result.stderr


def test_a_study_of_another_objective_is_refused_in_one_line(fraud, quick, credit_file):
    fraud("tune", credit_file, "--trials", 1, "--folds", 2)
    result = fraud("tune", credit_file, "--trials", 1, "--folds", 2, "--objective", "roc_auc")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: study credit-study.db: holds the study of another problem")


@pytest.mark.parametrize("duration", ["10", "m", "-5s", "0s", "10 m", "ten"])
def test_a_duration_without_sense_is_a_usage_error(fraud, credit_file, duration):
    result = fraud("tune", credit_file, f"--timeout={duration}")
    assert result.exit_code == 2
    assert "such as 90s" in " ".join(result.stderr.split())


def test_time_that_runs_out_still_gives_a_model(fraud, quick, credit_file):
    result = fraud("tune", credit_file, "--trials", 50, "--folds", 2, "--timeout", "0.001s", "--json")
    assert json.loads(result.stdout)["tuning"]["trials"] == 1
