"""fraud contract infer, show and check."""

import json
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidContract, InvalidDataset
from support.builders import EVERY_DTYPE, every_dtype_files, every_dtype_frame
from support.payments import PAYMENTS
from support.refusals import numbers_in, refusal_of

CREDIT = load_contract("credit")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_infer_prints_a_contract_that_is_sound(fraud, suffix):
    frame = every_dtype_frame(200)
    frame.write_csv("loans.csv") if suffix == "csv" else frame.write_parquet("loans.parquet")
    options = ["--target", "outcome", "--id", "application", "--time", "applied_at"]
    result = fraud("contract", "infer", f"loans.{suffix}", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    contract = contract_from_toml(result.stdout, source="inferred")
    assert contract.name == "loans"
    assert (contract.identifier.name, contract.time.name) == ("application", "applied_at")
    assert (contract.target.name, contract.target.positive) == ("outcome", "fraud")
    assert contract.features["channel"].dtype == "category"


def test_infer_says_what_separates_the_fields(fraud):
    every_dtype_frame(200).write_csv("loans.csv", separator=";")
    result = fraud("contract", "infer", "loans.csv", "--target", "outcome")
    assert "# Its fields are separated by ';'; --separator names another one." in result.stdout


def test_infer_proposes_what_is_protected_and_check_warns_of_it(fraud):
    every_dtype_frame(200).rename({"instalments": "Alter"}).write_csv("loans.csv")
    drafted = fraud("contract", "infer", "loans.csv", "--target", "outcome").stdout
    assert contract_from_toml(drafted, source="x").protected == {"Alter"}
    Path("loans.toml").write_text(drafted, encoding="utf-8")
    result = fraud("contract", "check", "loans.toml")
    assert result.exit_code == 0
    assert "warning: 'Alter' is protected" in result.stderr


def test_infer_takes_a_name(fraud):
    every_dtype_frame(200).write_csv("loans.csv")
    result = fraud("contract", "infer", "loans.csv", "--target", "outcome", "--name", "cars")
    assert contract_from_toml(result.stdout, source="inferred").name == "cars"


def test_infer_of_a_target_that_is_no_column_is_told(fraud):
    every_dtype_frame(20).write_csv("loans.csv")
    result = fraud("contract", "infer", "loans.csv", "--target", "fraud")
    assert refusal_of(result) is InvalidDataset
    assert "'fraud'" in result.stderr


def test_show_prints_a_table(fraud):
    result = fraud("contract", "show")
    assert result.exit_code == 0
    assert CREDIT.fingerprint in result.stderr
    assert all(name in result.stdout for name in CREDIT.features)
    assert "total_balance / max(total_credit_limit, 1)" in result.stdout
    assert "number_of_accounts_in_arrears <= number_of_open_accounts" in result.stdout


def test_show_prints_json_schema(fraud):
    schema = json.loads(fraud("contract", "show", "credit", "--json").stdout)
    assert schema["x-fingerprint"] == CREDIT.fingerprint
    assert set(CREDIT.features) <= set(schema["properties"])


def test_show_prints_markdown(fraud):
    printed = fraud("contract", "show", "--markdown").stdout
    assert printed.startswith("## Record")
    assert all(name in printed for name in CREDIT.features)


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_show_takes_a_file(fraud, where):
    Path("my.toml").write_text(EVERY_DTYPE)
    result = (
        fraud("contract", "show", "my.toml", "--json")
        if where == "argument"
        else fraud("contract", "show", "--json", FRAUD_CONTRACT="my.toml")
    )
    assert json.loads(result.stdout)["x-contract"] == "every_dtype"


def test_the_argument_beats_the_environment(fraud):
    result = fraud("contract", "show", "credit", "--json", FRAUD_CONTRACT="none.toml")
    assert json.loads(result.stdout)["x-contract"] == "credit"


def test_check_says_what_is_in_a_sound_contract(fraud):
    result = fraud("contract", "check")
    assert result.exit_code == 0
    assert numbers_in(result.stderr) == [4, 4, 1]
    assert CREDIT.fingerprint in result.stderr


def test_check_says_what_history_costs(fraud):
    Path("payments.toml").write_text(PAYMENTS)
    result = fraud("contract", "check", "payments.toml")
    assert result.exit_code == 0
    lines = [line for line in result.stderr.splitlines() if line.startswith("history by ")]
    assert [line.partition(":")[0] for line in lines] == [
        "history by card",
        "history by card, channel",
        "history by terminal",
    ]
    assert lines[0].endswith("about 32 bytes per event, kept for ever")


def test_check_tells_every_problem_by_line_and_key(fraud):
    Path("my.toml").write_text(
        EVERY_DTYPE.replace('dtype = "int"', 'dtype = "whole"').replace("minimum = 0", "minimun = 0")
    )
    result = fraud("contract", "check", "my.toml")
    assert refusal_of(result) is InvalidContract
    assert result.stderr.startswith("error: my.toml: 2 problems\n  line ")
    assert "features.instalments.dtype: " in result.stderr
    assert "'minimum'" in result.stderr


def test_check_of_a_file_that_is_not_there_is_told(fraud):
    assert refusal_of(fraud("contract", "check", "none.toml")) is InvalidContract


def test_reasons_are_shown_by_feature_and_for_the_records_with_the_highest_scores(fraud, registry, credit_file):
    pl.read_parquet(credit_file).head(500).write_csv("few.csv")
    first, best = (
        json.loads(fraud("contract", "reasons", "few.csv", *options, "--json").stdout)
        for options in (["--rows", "500"], ["--highest", "--rows", "3"])
    )
    assert [each["feature"] for each in best["features"]] == list(CREDIT.explained)
    assert [record["row"] for record in first["records"]] == list(range(1, 501))
    assert best["records"] == sorted(first["records"], key=lambda record: -record["fraud_probability"])[:3]
    assert best["records"][0]["reasons"][0]["description"]


def test_reasons_say_what_is_low_usual_and_high(fraud, registry):
    registry.register(every_dtype_files())
    told = json.loads(fraud("contract", "reasons", "--model", "2", "--json").stdout)
    words = {each["feature"]: each for each in told["features"]}
    assert words["amount_eur"]["low"] == "amount_eur is 1,000: lower than 95 % of customers"
    assert words["amount_eur"]["usual"].endswith(": a higher risk together with the other details")
    (_, _, _, arrears, *_) = json.loads(fraud("contract", "reasons", "--json").stdout)["features"]
    assert arrears["usual"] == "The number of accounts in arrears is 0, a higher risk together with the other details"
    assert words["amount_eur"]["missing"] == "amount_eur is missing"
    assert words["is_employed"]["high"] == "is_employed is yes"
    assert words["channel"]["low"].startswith("channel is ")
    assert told["barred"] == []


def test_reasons_are_tables_for_people(fraud, registry, credit_file):
    shown = fraud("contract", "reasons", credit_file, "--rows", "1").stdout
    assert "UTILISATION_HIGH" in shown
    assert "Records of" in shown
