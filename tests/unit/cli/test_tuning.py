"""fraud tune."""

import json

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support import commands

TINY = XGBoostSettings(folds=2, max_rounds=30, max_bin=64, learning_rate=0.1)


@pytest.fixture
def quick(monkeypatch):
    """Training and tuning in a moment."""
    from fraud_detection_api.training.tuning import tune

    monkeypatch.setattr(tune.Tuner, "__init__", _with_defaults(tune.Tuner.__init__, TINY))
    with commands.trainings_with(threads=1, training_shares=()):
        yield


def _with_defaults(initialise, settings):
    return lambda self, **given: initialise(self, defaults=settings, **{**given, "threads": 1})


def test_tune_registers_the_best_and_tells_what_it_gained(fraud, quick, credit_file, tmp_path):
    result = fraud("tune", credit_file, "--trials", 2, "--folds", 2)
    assert result.exit_code == 0
    first, second, gain, *_rest = result.stderr.splitlines()
    assert first.startswith("1 of 2 trials are finished, best so far 0.")
    assert second.startswith("2 of 2 trials are finished, best so far 0.")
    assert gain.startswith("average precision: 0.")
    assert "with the defaults" in gain
    assert FileRegistry(tmp_path / "registry").versions() == ["1"]
    assert "Held-out test part" in result.stdout
    files = FileRegistry(tmp_path / "registry").fetch("1")
    card = read_bundle(files, source="test").card
    assert card["tuning"]["study"] == "credit-study.db"
    assert card["tuning"]["digest"].startswith("sha256:")
    assert card["tuning"]["trials"] == 2
    assert card["training"]["settings"]["max_depth"] == card["tuning"]["settings"]["max_depth"]
    assert b"Tuning" in files["report.html"]


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
