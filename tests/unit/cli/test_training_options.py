"""fraud train's options that shape a model: like another one, for another share of fraud, with labels that come late."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.training import model_fitter
from support.builders import EVERY_DTYPE, QUICK, every_dtype_files

DAY = 86_400.0
IDENTIFIER = '[id]\nname = "application"\ndtype = "str"\n'


@pytest.fixture
def registry(registry):
    """Version 2, beside the champion, follows the every-dtype contract."""
    registry.register(every_dtype_files())
    return registry


def card_of(result) -> dict:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_model_like_another_has_its_settings_and_not_the_defaults(fraud, registry, credit_file):
    card = card_of(fraud("train", credit_file, "--like", "champion", "--json"))
    assert card["training"]["settings"] == asdict(QUICK)
    assert card["version"] == "3"


def test_a_model_like_another_follows_its_contract(fraud, registry, own_file):
    card = card_of(fraud("train", own_file, "--like", "2", "--json"))
    assert card["contract"]["name"] == "every_dtype"


@pytest.mark.parametrize("version", ["9", "../1"])
def test_a_model_like_one_that_is_not_there_is_told(fraud, registry, credit_file, version):
    result = fraud("train", credit_file, "--like", version)
    assert result.exit_code == 1
    assert result.stderr == "error: no model of that version; `fraud models list` shows what there is\n"
    assert registry.versions() == ["1", "2"]


def test_the_share_of_fraud_where_the_model_will_work_is_on_the_card(fraud, quick, credit_file):
    card = card_of(fraud("train", credit_file, "--deployed-base-rate", "0.01", "--json"))
    assert card["calibration"]["deployed_base_rate"] == 0.01


def test_a_model_like_another_is_for_the_same_share_of_fraud(fraud, quick, credit_file):
    version = card_of(fraud("train", credit_file, "--deployed-base-rate", "0.01", "--json"))["version"]
    alike = fraud("train", credit_file, "--like", version, "--json")
    assert card_of(alike)["calibration"]["deployed_base_rate"] == 0.01
    other = fraud("train", credit_file, "--like", version, "--deployed-base-rate", "0.02", "--json")
    assert card_of(other)["calibration"]["deployed_base_rate"] == 0.02


@pytest.mark.parametrize("option", [["--delay-days", "3"], ["--leave-out-known"]])
def test_options_about_time_are_refused_where_the_contract_has_none(fraud, quick, credit_file, option):
    result = fraud("train", credit_file, *option)
    assert result.exit_code == 2
    assert option[0] in result.stderr
    assert "names no [time]" in result.stderr


def test_nobody_is_known_where_the_contract_has_no_id(fraud, quick, own_file):
    Path("my.toml").write_text(EVERY_DTYPE.replace(IDENTIFIER, ""))
    result = fraud("train", own_file, "--contract", "my.toml", "--leave-out-known")
    assert result.exit_code == 2
    assert "names no [id]" in result.stderr


def test_a_registry_that_cannot_be_written_is_told_before_the_training(fraud, credit_file, monkeypatch):
    monkeypatch.setattr(model_fitter.ModelFitter, "fit", lambda *_given, **_options: pytest.fail("was trained"))
    result = fraud("train", credit_file, "--registry", "/proc/registry")
    assert result.exit_code == 1
    assert "the registry /proc/registry cannot be written" in result.stderr


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "5"])
def test_a_share_of_fraud_that_is_none_is_a_usage_error(fraud, credit_file, share):
    assert fraud("train", credit_file, f"--deployed-base-rate={share}").exit_code == 2


def test_training_ends_the_delay_before_the_test_begins(fraud, quick, own_file):
    card = card_of(fraud("train", own_file, "--contract", "my.toml", "--delay-days", "60", "--json"))
    seconds = np.sort(pl.read_parquet(own_file)["applied_at"].dt.epoch("s").to_numpy())
    begin = seconds[480]
    assert card["split"]["test"]["rows"] == 120
    assert card["split"]["train"]["rows"] == int((seconds[:480] + 60 * DAY <= begin).sum()) < 480


def test_a_delay_that_leaves_nothing_to_learn_from_is_told_and_nothing_is_registered(fraud, own_file, tmp_path):
    result = fraud("train", own_file, "--contract", "my.toml", "--delay-days", "5000")
    assert result.exit_code == 1
    assert "no record lies 5000 days before the test part" in result.stderr
    assert not (tmp_path / "registry").exists()


def test_a_delay_below_0_is_a_usage_error(fraud, own_file):
    assert fraud("train", own_file, "--delay-days=-1").exit_code == 2


def test_a_contract_beside_a_model_that_brings_its_own_is_a_usage_error(fraud, credit_file):
    result = fraud("train", credit_file, "--like", "champion", "--contract", "credit")
    assert result.exit_code == 2
    assert "brings its contract" in " ".join(result.stderr.replace("│", " ").split())
