"""fraud policy: show, simulate and set, with errors of one line that say what to do."""

import json
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.container.storage import build_database, stores_in
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.errors import (
    CorruptBundle,
    InvalidDataset,
    InvalidPolicy,
    NoChampion,
    NoStore,
    StoreUnavailable,
    UnknownModel,
)
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.history import pages
from fraud_detection_api.settings import Settings
from support.builders import credit_files, every_dtype_files
from support.forgery import resealed
from support.refusals import numbers_in, refusal_of
from support.sealed_rows import DAY, NOON, keep_rows, kept_row

IN_CELLS = "cells of ten or more records"
COSTS = "review_cost = 20\nreviews_a_day = 30\nrecords_a_day = 1000\n"


@pytest.fixture(autouse=True)
def costs():
    Path("costs.toml").write_text(COSTS)


def told(result) -> dict:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_show_tells_costs_thresholds_outcomes_and_money(fraud, registry):
    result = fraud("policy", "show")
    assert result.exit_code == 0
    for text in ("Policy 1 of model version 1", "review_cost", "5.00 %", "75.00 %", "of legitimate", "approve all"):
        assert text in result.stdout


def test_show_tells_programs_the_same(fraud, registry):
    shown = told(fraud("policy", "show", "1", "--json"))
    assert (shown["model_version"], shown["version"]) == ("1", "1")
    assert shown["thresholds"] == [{"amount": 1000.0, "review_above": 0.05, "decline_above": 0.75}]
    assert sum(shown["shares"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("command", [["show", "9"], ["set", "costs.toml", "--model", "9"]])
def test_a_version_that_is_not_there_is_told(fraud, registry, command):
    assert refusal_of(fraud("policy", *command)) is UnknownModel


def test_a_damaged_version_is_told(fraud, registry):
    registry.register({**credit_files(), "policy.json": b"{}"})
    result = fraud("policy", "show", "2")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: model bundle version 2: policy.json is not the file that was registered")


def test_set_registers_the_model_anew_and_tells_what_changes(fraud, registry):
    result = fraud("policy", "set", "costs.toml")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert numbers_in(lines[0]) == [2, 1, 2]
    assert lines[1].startswith("was: policy 1, with 1,000 at risk reviewed above 5.00 %, declined above 75.00 %;")
    assert lines[2].startswith("now: policy 2, with 1,000 at risk reviewed above ")
    assert "`fraud models challenge 2`, then `fraud models promote 2`" in lines[3]
    assert registry.versions() == ["1", "2"]
    assert registry.assigned("champion") == "1"
    assert read_bundle(registry.fetch("2"), source="x").policy.review_cost == 20


def test_set_promotes_where_that_is_asked_for_and_rollback_goes_back(fraud, registry):
    assert fraud("policy", "set", "costs.toml", "--promote", "--force", "cheaper reviews").exit_code == 0
    assert registry.assigned("champion") == "2"
    assert fraud("models", "rollback").exit_code == 0
    assert registry.assigned("champion") == "1"


def test_set_tells_programs_both_policies(fraud, registry):
    answer = told(fraud("policy", "set", "costs.toml", "--json"))
    assert (answer["version"], answer["from"]["version"], answer["to"]["version"]) == ("2", "1", "2")
    assert answer["digest"] == read_bundle(registry.fetch("2"), source="x").digest


def test_set_takes_another_model_than_the_champion(fraud, registry):
    registry.register(every_dtype_files())
    answer = told(fraud("policy", "set", "costs.toml", "--model", "2", "--json"))
    assert answer["from"]["model_version"] == "2"
    assert read_bundle(registry.fetch("3"), source="x").contract.name == "every_dtype"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("review_cots = 1\n", "review_cots: "),
        ("review_cost = -1\n", "review_cost "),
        ("reviews_a_day = 5\n", "records_a_day: "),
        ("review_cost = 50\n", ""),
    ],
)
def test_a_policy_that_cannot_be_set_is_told_by_file_and_key(fraud, registry, text, problem):
    Path("costs.toml").write_text(text)
    result = fraud("policy", "set", "costs.toml")
    assert refusal_of(result) is InvalidPolicy
    assert result.stderr.startswith(f"error: policy costs.toml: {problem}")
    assert result.stderr.count("\n") == 1
    assert registry.versions() == ["1"]


def test_several_faults_of_a_file_are_a_line_each(fraud, registry):
    Path("costs.toml").write_text("review_cots = 1\nfoo = 2\n")
    assert fraud("policy", "set", "costs.toml").stderr.splitlines()[0] == "error: costs.toml: 2 problems"


def test_a_model_whose_evidence_is_broken_is_told(fraud, registry):
    registry.register(resealed(credit_files(), evidence_json=b"{}"))
    result = fraud("policy", "set", "costs.toml", "--model", "2")
    assert refusal_of(result) is CorruptBundle
    assert "evidence.json" in result.stderr


def test_simulate_compares_on_the_model_s_own_scores(fraud, registry):
    result = fraud("policy", "simulate", "--policy", "costs.toml")
    assert result.exit_code == 0
    for text in (
        "Model version 1 on out-of-fold scores",
        "current (1)",
        "new (2)",
        "reviews a day",
        "Records that change",
    ):
        assert text in result.stdout
    assert registry.versions() == ["1"]


def test_show_and_simulate_say_what_population_their_shares_are_of(fraud, registry, credit_file):
    assert "each training record" in fraud("policy", "show").stdout
    assert IN_CELLS in fraud("policy", "simulate", "--policy", "costs.toml").stdout
    on_file = fraud("policy", "simulate", credit_file, "--policy", "costs.toml").stdout
    assert IN_CELLS not in on_file
    assert f"the records of {credit_file}" in on_file
    assert fraud("policy", "set", "costs.toml").exit_code == 0
    assert IN_CELLS in fraud("policy", "show", "2").stdout


def test_programs_are_told_the_population_too(fraud, registry, credit_file):
    simulate = ("policy", "simulate", "--policy", "costs.toml", "--json")
    assert told(fraud("policy", "show", "--json"))["measured_on"] == "records"
    assert told(fraud(*simulate))["measured_on"] == "cells"
    assert told(fraud(*simulate, credit_file))["measured_on"] == "records"


def test_a_card_that_does_not_tell_its_population_is_shown_without_it(fraud, registry):
    card = json.loads(credit_files()["card.json"])
    del card["policy"]["measured_on"]
    registry.register(resealed(credit_files(), card_json=json.dumps(card).encode()))
    result = fraud("policy", "show", "2")
    assert result.exit_code == 0
    assert "out-of-fold" not in result.stdout


def test_simulate_says_which_policy_exceeds_the_new_capacity(fraud, registry):
    simulate = ("policy", "simulate", "--policy", "costs.toml")
    Path("costs.toml").write_text("reviews_a_day = 30\nrecords_a_day = 1000\n")
    answer = told(fraud(*simulate, "--json"))
    assert answer["current"]["expected_reviews_a_day"] > 30 >= answer["new"]["expected_reviews_a_day"]
    assert [answer[name]["exceeds_capacity"] for name in ("current", "new")] == [True, False]
    shown = fraud(*simulate).stdout
    reviews = f"{answer['current']['expected_reviews_a_day']:,.6g}"
    assert shown.count("exceeds") == 1
    assert f"{reviews} reviews a day" in shown


@pytest.mark.parametrize("terms", ["reviews_a_day = 900\nrecords_a_day = 1000\n", "review_cost = 20\n"])
def test_simulate_speaks_of_no_capacity_that_is_enough_or_not_stated(fraud, registry, terms):
    Path("costs.toml").write_text(terms)
    result = fraud("policy", "simulate", "--policy", "costs.toml")
    assert result.exit_code == 0
    assert "exceeds" not in result.stdout


def test_simulate_says_that_records_a_day_are_the_current_policy_s(fraud, registry):
    assert fraud("policy", "set", "costs.toml", "--promote", "--force", "cheaper reviews").exit_code == 0
    Path("other.toml").write_text("review_cost = 10\nreviews_a_day = 20\n")
    simulate = ("policy", "simulate", "--policy")
    assert "records_a_day is the current policy's, 1,000" in fraud(*simulate, "other.toml").stdout
    assert told(fraud(*simulate, "other.toml", "--json"))["records_a_day_inherited"]
    assert "records_a_day is" not in fraud(*simulate, "costs.toml").stdout


def test_simulate_tells_what_set_then_does(fraud, registry):
    simulated = told(fraud("policy", "simulate", "--policy", "costs.toml", "--json"))
    done = told(fraud("policy", "set", "costs.toml", "--json"))
    assert simulated["new"]["policy"] == {key: done["to"][key] for key in simulated["new"]["policy"]}
    assert simulated["new"]["shares"] == done["to"]["shares"]


def test_simulate_on_labelled_records_has_intervals(fraud, registry, credit_file):
    answer = told(fraud("policy", "simulate", credit_file, "--policy", "costs.toml", "--json"))
    assert answer["records"] == 3000
    assert answer["difference"]["low"] <= answer["difference"]["cost_per_1000"] <= answer["difference"]["high"]
    shown = fraud("policy", "simulate", credit_file, "--policy", "costs.toml").stdout
    assert f"({answer['new']['low']:,.0f} to {answer['new']['high']:,.0f})" in shown


def test_simulate_on_records_without_a_label_is_told(fraud, registry, credit_file):
    pl.read_parquet(credit_file).drop("is_fraud").write_parquet("unlabelled.parquet")
    result = fraud("policy", "simulate", "unlabelled.parquet", "--policy", "costs.toml")
    assert refusal_of(result) is InvalidDataset
    assert "'is_fraud'" in result.stderr


def test_simulate_asks_for_the_policy(fraud, registry):
    result = fraud("policy", "simulate")
    assert result.exit_code == 2
    assert "--policy" in result.stderr


def test_a_model_is_asked_for_where_none_is_champion(fraud):
    Path("registry").mkdir()
    assert refusal_of(fraud("policy", "show")) is NoChampion


@pytest.fixture
def kept(registry):
    """Three days of kept decisions on credit records, and a label."""
    contract = read_bundle(registry.fetch("1"), source="x").contract.record_fingerprint
    database = build_database(Settings())
    store, labels, _ = stores_in(database, Settings())
    store.migrate()
    rows = [
        kept_row(n, at=NOON + n * DAY, contract=contract, outcome="approve", fraud_probability=p)
        for n, p in enumerate((0.001, 0.4, 0.4))
    ]
    keep_rows(store, [*rows, kept_row(9, at=NOON + DAY, contract="another")])
    labels.record([Finding(rows[1].decision_id, is_fraud=True, source="chargeback")])
    store.close()


def test_simulate_tells_what_a_policy_would_have_done_with_kept_decisions(fraud, kept):
    result = fraud("policy", "simulate", "--policy", "costs.toml", "--since", "2026-01-01T00:00:00Z")
    assert result.exit_code == 0, result.stderr
    for text in (
        "as decided",
        "from approve",
        "by probabilities",
        "legitimate records: decline",
        "Left out: 1 decisions",
    ):
        assert text in result.stdout
    assert numbers_in(result.stdout.splitlines()[0]) == [3, 2, 1]


def test_simulate_tells_programs_the_same(fraud, kept):
    shown = told(fraud("policy", "simulate", "--policy", "costs.toml", "--since", "2026-01-01T00:00:00Z", "--json"))
    assert (shown["decisions"], shown["labelled"], shown["model_version"]) == (3, 1, "1")
    assert shown["outcomes"]["kept"] == {"approve": 3, "review": 0, "decline": 0}
    assert shown["policy"]["review_cost"] == 20
    until = told(
        fraud(
            "policy",
            "simulate",
            "--policy",
            "costs.toml",
            "--since",
            "2026-01-01T00:00:00Z",
            "--until",
            "2026-01-02T00:00:00Z",
            "--json",
        )
    )
    assert until["decisions"] == 0


def test_processes_that_share_the_period_tell_the_same(fraud, kept, monkeypatch):
    asked = ("policy", "simulate", "--policy", "costs.toml", "--since", "2026-01-01T00:00:00Z", "--json", "--jobs")
    alone = told(fraud(*asked, "1"))
    monkeypatch.setattr(pages, "PAGE", 1)  # of this process: the others find what is left at once
    assert told(fraud(*asked, "2")) == alone


def test_simulate_tells_where_no_decision_was_kept_then(fraud, kept):
    result = fraud("policy", "simulate", "--policy", "costs.toml", "--since", "2040-01-01T00:00:00Z")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--until", "2026-01-01T00:00:00Z"], "--until"),
        (["later.parquet", "--since", "2026-01-01T00:00:00Z"], "--since"),
        (["--since", "soon"], "--since"),
        (["--since", "2026-01-01T00:00:00Z", "--until", "soon"], "--until"),
    ],
)
def test_a_period_that_is_none_is_a_usage_error(fraud, arguments, option):
    result = fraud("policy", "simulate", "--policy", "costs.toml", *arguments, COLUMNS="200")
    assert result.exit_code == 2
    assert f"Invalid value for {option}" in result.stderr.replace("'", "")


@pytest.mark.parametrize(
    ("store", "refusal"),
    [("none", NoStore), ("sqlite:///none.db", StoreUnavailable)],
)
def test_simulate_needs_a_store_to_look_into(fraud, registry, store, refusal):
    result = fraud("policy", "simulate", "--policy", "costs.toml", "--since", "2026-01-01T00:00:00Z", FRAUD_STORE=store)
    assert refusal_of(result) is refusal
    assert not Path("none.db").exists()
