"""fraud train's options that shape a model: like another one, for another share of fraud, with labels that come late."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer

from fraud_detection_api.cli.options import usage_errors
from fraud_detection_api.errors import InvalidDataset, InvalidPolicy, RegistryUnavailable, UnknownModel
from fraud_detection_api.jobs.listener import UnusableOption
from fraud_detection_api.training import model_fitter
from support.builders import EVERY_DTYPE, QUICK, every_dtype_files
from support.refusals import refusal_of

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
    card = card_of(fraud("train", own_file, "--like", "2", "--allow-contract-change", "--json"))
    assert card["contract"]["name"] == "every_dtype"


COSTS = "amount_at_risk = 400\nreview_cost = 8\nreviews_a_day = 10\nrecords_a_day = 1000\n"


def policy_of(registry, version) -> dict:
    return json.loads(registry.fetch(version)["policy.json"])


def test_a_model_has_the_policy_of_the_file_priced_on_its_own_scores(fraud, registry, quick, credit_file):
    Path("costs.toml").write_text(COSTS)
    policy = policy_of(registry, card_of(fraud("train", credit_file, "--policy", "costs.toml", "--json"))["version"])
    assert (policy["version"], policy["amount_at_risk"], policy["review_cost"]) == ("1", 400, 8)
    assert (policy["reviews_a_day"], policy["records_a_day"]) == (10, 1000)
    assert policy["review_price"] > 0


def test_a_model_like_another_keeps_its_policy_priced_anew_as_the_next_version(fraud, registry, quick, credit_file):
    Path("costs.toml").write_text(COSTS)
    first = card_of(fraud("train", credit_file, "--policy", "costs.toml", "--json"))["version"]
    alike = card_of(fraud("train", credit_file, "--like", first, "--seed", "8", "--json"))["version"]
    former, later = policy_of(registry, first), policy_of(registry, alike)
    assert later == {**former, "version": "2", "review_price": later["review_price"]}
    assert later["review_price"] != former["review_price"]


def test_a_model_like_another_has_the_same_policy_where_nothing_is_priced(fraud, registry, quick, credit_file):
    version = card_of(fraud("train", credit_file, "--like", "champion", "--json"))["version"]
    assert policy_of(registry, version) == policy_of(registry, "1")


def test_a_policy_file_beats_that_of_the_model_like_which_another_is_made(fraud, registry, quick, credit_file):
    Path("costs.toml").write_text("review_cost = 8\n")
    version = card_of(fraud("train", credit_file, "--like", "1", "--policy", "costs.toml", "--json"))["version"]
    assert policy_of(registry, version) == {**policy_of(registry, "1"), "version": "2", "review_cost": 8}


def test_a_broken_policy_file_is_told_in_one_line(fraud, registry, credit_file):
    Path("costs.toml").write_text("review_costs = 8\n")
    result = fraud("train", credit_file, "--policy", "costs.toml")
    assert refusal_of(result) is InvalidPolicy
    assert "'review_cost'" in result.stderr


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_capacity_for_an_unknown_number_of_records_is_told_before_anything_is_trained(
    fraud, registry, credit_file, command
):
    Path("costs.toml").write_text("reviews_a_day = 10\n")
    result = fraud(command, credit_file, "--policy", "costs.toml")
    assert refusal_of(result) is InvalidPolicy
    assert result.stderr.startswith("error: policy costs.toml: records_a_day: ")
    assert registry.versions() == ["1", "2"]


@pytest.mark.parametrize("version", ["9", "../1"])
def test_a_model_like_one_that_is_not_there_is_told(fraud, registry, credit_file, version):
    assert refusal_of(fraud("train", credit_file, "--like", version)) is UnknownModel
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
    assert "[time]" in result.stderr


def test_nobody_is_known_where_the_contract_has_no_id(fraud, quick, own_file):
    Path("my.toml").write_text(EVERY_DTYPE.replace(IDENTIFIER, ""))
    result = fraud("train", own_file, "--contract", "my.toml", "--leave-out-known")
    assert result.exit_code == 2
    assert "[id]" in result.stderr


def test_a_registry_that_cannot_be_written_is_told_before_the_training(fraud, credit_file, monkeypatch):
    monkeypatch.setattr(model_fitter.ModelFitter, "fit", lambda *_given, **_options: pytest.fail("was trained"))
    assert refusal_of(fraud("train", credit_file, "--registry", "/proc/registry")) is RegistryUnavailable


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
    assert refusal_of(fraud("train", own_file, "--contract", "my.toml", "--delay-days", "5000")) is InvalidDataset
    assert not (tmp_path / "registry").exists()


def test_a_delay_below_0_is_a_usage_error(fraud, own_file):
    assert fraud("train", own_file, "--delay-days=-1").exit_code == 2


def test_a_contract_beside_a_model_that_brings_its_own_is_a_usage_error(fraud, credit_file):
    result = fraud("train", credit_file, "--like", "champion", "--contract", "credit")
    assert result.exit_code == 2
    assert "--like" in result.stderr


def test_an_option_that_a_job_cannot_use_is_an_error_of_usage():
    with pytest.raises(typer.BadParameter) as caught, usage_errors():
        raise UnusableOption("--delay-days", "the contract has no [time]")
    assert caught.value.param_hint == "--delay-days"


@pytest.mark.parametrize(
    "command", [["train", "none.parquet"], ["tune", "none.parquet"], ["policy", "set", "none.toml"]], ids=" ".join
)
def test_a_forced_promotion_without_a_promotion_is_a_usage_error(fraud, command):
    result = fraud(*command, "--force", "it is better", COLUMNS="200")
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert "--promote" in result.stderr
