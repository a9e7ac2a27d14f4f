"""fraud train's options that shape a model: like another one, for another share of fraud, with labels that come late."""

import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest

from support.builders import QUICK, every_dtype_files

DAY = 86_400.0


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
    assert "the train part would hold 0 frauds in 0 rows" in result.stderr
    assert not (tmp_path / "registry").exists()


def test_a_delay_below_0_is_a_usage_error(fraud, own_file):
    assert fraud("train", own_file, "--delay-days=-1").exit_code == 2


def test_a_contract_beside_a_model_that_brings_its_own_is_a_usage_error(fraud, credit_file):
    result = fraud("train", credit_file, "--like", "champion", "--contract", "credit")
    assert result.exit_code == 2
    assert "brings its contract" in " ".join(result.stderr.replace("│", " ").split())
