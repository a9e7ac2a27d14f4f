"""fraud train and fraud evaluate."""

import json

import polars as pl
import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import (
    ContractMismatch,
    GateRefused,
    InvalidDataset,
    InvalidSetting,
    RegistryUnavailable,
    UnknownModel,
)
from fraud_detection_api.jobs import training
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.models.registered import ModelService
from support.refusals import refusal_of


def test_train_registers_a_model_and_the_first_is_champion(trained):
    folder, result = trained
    assert result.exit_code == 0
    registry = FileRegistry(folder)
    assert registry.versions() == ["1"]
    assert registry.assigned("champion") == "1"
    assert result.stderr.splitlines()[0].startswith(f"registered version 1 in {folder} (sha256:")
    assert result.stderr.splitlines()[1] == "version 1 is champion"


def test_train_prints_the_card_as_json(trained):
    folder, result = trained
    printed = json.loads(result.stdout)
    bundle = read_bundle(FileRegistry(folder).fetch("1"), source="test")
    assert printed == {"version": "1", "digest": bundle.digest, **bundle.card}


def test_train_uses_the_documented_defaults(trained):
    settings = json.loads(trained[1].stdout)["training"]
    assert settings["seed"] == 7
    assert settings["settings"]["folds"] == 5


def test_the_same_training_has_the_same_digest(fraud, quick, credit_file):
    digests = {
        json.loads(fraud("train", credit_file, "--registry", name, "--json").stdout)["digest"] for name in ("a", "b")
    }
    assert len(digests) == 1


def test_the_seed_decides(fraud, quick, credit_file):
    digests = {json.loads(fraud("train", credit_file, "--seed", seed, "--json").stdout)["digest"] for seed in (1, 2)}
    assert len(digests) == 2


def test_train_prints_a_table_for_people(fraud, quick, credit_file):
    result = fraud("train", credit_file)
    assert "Held-out test part: 601 records" in result.stdout
    assert all(heading in result.stdout for heading in ("ROC AUC", "95 % interval", "best possible"))


def test_there_is_no_progress_bar_in_a_pipe(fraud, quick, credit_file):
    lines = fraud("train", credit_file).stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["registered", "version", "warning:", "the", "beside", "the"]


def test_a_training_says_what_the_policy_would_do_and_warns_of_many_reviews(fraud, quick, credit_file, tmp_path):
    (tmp_path / "costs.toml").write_text("review_cost = 900\nrecords_a_day = 2000\n")
    usual, dear = fraud("train", credit_file), fraud("train", credit_file, "--policy", "costs.toml")
    shares = json.loads(fraud("policy", "show", "1", "--json").stdout)["shares"]
    assert shares["review"] > 0.1
    assert f"review {100 * shares['review']:.2f} % and decline {100 * shares['decline']:.2f} %" in usual.stderr
    assert "warning: more than 10 % of the records would be reviewed" in usual.stderr
    assert "warning" not in dear.stderr
    declined = json.loads(fraud("policy", "show", "2", "--json").stdout)["shares"]["decline"]
    assert f"decline {100 * declined:.2f} % ({2000 * declined:,.3g} a day)" in dear.stderr


def test_a_training_is_tracked_where_asked(fraud, quick, credit_file, mlflow_server, registry):
    result = fraud("train", credit_file, FRAUD_TRACK=mlflow_server.location())
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1].startswith(f"tracked at {mlflow_server.url}/#/experiments/")


def test_a_registry_or_tracker_that_is_down_is_told_before_the_training(fraud, credit_file, registry, monkeypatch):
    monkeypatch.setattr(training, "ModelFitter", None)
    for option in ("--registry", "--track"):
        result = fraud("train", credit_file, option, "mlflow:http://127.0.0.1:1")
        assert refusal_of(result) is RegistryUnavailable
        assert "http://127.0.0.1:1" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert registry.versions() == ["1"]


def test_tracking_without_a_server_is_told_before_the_training(fraud, credit_file, registry):
    result = fraud("train", credit_file, "--track", "mlflow")
    assert refusal_of(result) is InvalidSetting
    assert result.stderr.startswith("error: FRAUD_TRACK: ")


def test_a_later_model_is_not_champion_unasked(fraud, quick, credit_file, registry):
    result = fraud("train", credit_file)
    assert result.exit_code == 0
    assert (registry.versions(), registry.assigned("champion")) == (["1", "2"], "1")


def test_a_later_model_is_champion_when_asked(fraud, quick, credit_file, registry):
    assert fraud("train", credit_file, "--promote", "--force", "the first one was a trial").exit_code == 0
    assert registry.assigned("champion") == "2"
    assert registry.audit()[-1].cause.reason == "the first one was a trial"


def test_that_a_later_model_would_not_pass_the_gate_is_told_before_the_training(fraud, credit_file, registry):
    assert refusal_of(fraud("train", credit_file, "--promote")) is GateRefused
    assert registry.versions() == ["1"]


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_contract_of_ones_own_is_followed(fraud, quick, own_file, where):
    result = (
        fraud("train", own_file, "--contract", "my.toml", "--json")
        if where == "option"
        else fraud("train", own_file, "--json", FRAUD_CONTRACT="my.toml")
    )
    assert json.loads(result.stdout)["contract"]["name"] == "every_dtype"


def test_a_model_of_another_contract_is_neither_registered_nor_promoted_unasked(fraud, quick, own_file, registry):
    result = fraud("train", own_file, "--contract", "my.toml", "--promote", "--force", "it is better")
    assert refusal_of(result) is ContractMismatch
    assert (registry.versions(), registry.assigned("champion")) == (["1"], "1")


def test_a_model_of_another_contract_is_promoted_when_asked(fraud, quick, own_file, registry):
    arguments = ["train", own_file, "--contract", "my.toml", "--promote", "--allow-contract-change"]
    assert fraud(*arguments, "--force", "callers are ready").exit_code == 0
    assert registry.assigned("champion") == "2"


def test_data_that_break_the_contract_are_told_and_nothing_is_made(fraud, tmp_path, credit_file):
    pl.read_parquet(credit_file).drop("total_balance").with_columns(extra=pl.lit(1)).write_csv("bad.csv")
    result = fraud("train", "bad.csv")
    assert refusal_of(result) is InvalidDataset
    assert result.stderr.startswith("error: bad.csv: 2 problems\n  column 'total_balance' ")
    assert not (tmp_path / "registry").exists()


def test_too_few_records_are_told_and_nothing_is_registered(fraud, tmp_path, credit_file):
    pl.read_parquet(credit_file).head(60).write_csv("few.csv")
    assert refusal_of(fraud("train", "few.csv")) is InvalidDataset
    assert not (tmp_path / "registry").exists()


def test_a_registry_that_cannot_be_written_is_told(fraud, quick, credit_file, tmp_path):
    (tmp_path / "registry").write_text("a file")
    result = fraud("train", credit_file)
    assert refusal_of(result) is RegistryUnavailable
    assert len(result.stderr.splitlines()) == 1


def test_evaluate_measures_a_version_on_other_records(fraud, trained, credit_file):
    folder, _ = trained
    result = fraud("evaluate", "champion", credit_file, "--registry", folder, "--json")
    printed = json.loads(result.stdout)
    assert (printed["version"], printed["rows"]) == ("1", 3000)
    assert printed["digest"] == ModelService(FileRegistry(folder)).load("1").bundle.digest
    assert printed["metrics"]["roc_auc"]["value"] > 0.85


def test_evaluate_on_the_training_records_says_that_it_flatters(fraud, trained, credit_file):
    folder, _ = trained
    assert fraud("evaluate", "1", credit_file, "--registry", folder).stderr.startswith("warning: ")
    pl.read_parquet(credit_file).head(2000).write_parquet("other.parquet")
    assert fraud("evaluate", "1", "other.parquet", "--registry", folder).stderr == ""


def test_evaluate_ignores_other_columns_and_takes_files_without_fraud(fraud, trained, credit_file):
    folder, _ = trained
    legitimate = pl.read_parquet(credit_file).filter(pl.col("is_fraud") == 0).with_columns(note=pl.lit("x"))
    legitimate.write_parquet("legitimate.parquet")
    printed = json.loads(fraud("evaluate", "1", "legitimate.parquet", "--registry", folder, "--json").stdout)
    assert (printed["rows"], printed["frauds"]) == (legitimate.height, 0)
    assert list(printed["metrics"]) == ["brier", "log_loss", "expected_calibration_error"]
    assert sum(printed["outcomes"]["shares"].values()) == pytest.approx(1)
    assert printed["outcomes"]["legitimate"] == printed["outcomes"]["shares"]
    assert printed["outcomes"]["fraud"] is None


def test_evaluate_prints_a_table_for_people(fraud, file_registry_path, credit_file):
    result = fraud("evaluate", "1", credit_file, "--registry", file_registry_path)
    assert "Version 1 on credit.parquet: 3,000 records" in result.stdout
    assert "best possible" in result.stdout
    shares = json.loads(fraud("evaluate", "1", credit_file, "--registry", file_registry_path, "--json").stdout)[
        "outcomes"
    ]
    decline = [f"{100 * shares[kind]['decline']:.2f} %" for kind in ("shares", "fraud", "legitimate")]
    row = next(line for line in result.stdout.splitlines() if "decline" in line)
    assert [cell.strip() for cell in row.split("│")[2:5]] == decline


def test_a_table_without_known_limits_has_no_column_for_them(fraud, file_registry_path, credit_file):
    pl.read_parquet(credit_file).drop("true_fraud_probability").write_parquet("real.parquet")
    result = fraud("evaluate", "1", "real.parquet", "--registry", file_registry_path)
    assert result.exit_code == 0
    assert "best possible" not in result.stdout


def test_groups_of_a_separate_file_measure_fairness_and_the_report_says_who_made_the_model(
    fraud, quick, credit_file, tmp_path
):
    ids = pl.read_parquet(credit_file)["customer_id"]
    sides = pl.Series(["left", "right"] * len(ids)).head(len(ids))
    pl.DataFrame({"customer_id": ids, "side": sides}).unique("customer_id").write_csv("groups.csv")
    assert fraud("train", credit_file).exit_code == 0
    card = json.loads(fraud("train", credit_file, "--groups", "groups.csv", "--json").stdout)
    assert {each["band"]["level"] for each in card["fairness"][0]["groups"]} == {"left", "right"}
    assert (card["champion"]["version"], card["champion"]["unseen"]) == ("1", False)
    told = fraud("evaluate", card["version"], credit_file, "--groups", "groups.csv")
    assert "Outcomes by side" in told.stdout
    assert fraud("models", "report", card["version"], "--out", "report.md").exit_code == 0
    front = (tmp_path / "report.md").read_text()[:1500]
    assert "trained from: credit.parquet" in front
    assert "Version 1 was the champion" in front


def test_evaluate_of_an_unknown_version_is_told(fraud, file_registry_path, credit_file):
    assert refusal_of(fraud("evaluate", "9", credit_file, "--registry", file_registry_path)) is UnknownModel
