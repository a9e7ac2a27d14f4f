"""Two policies side by side: on labelled records with intervals, on a bundle's own cells without."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.model.bundle import read_bundle, read_evidence
from fraud_detection_api.policy.consequences import chosen_costs, consequences
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.policy.simulate import compare_on_evidence, compare_on_records
from support.builders import credit_files

NEW = Policy(version="2", review_cost=20, records_a_day=1000)


@pytest.fixture(scope="module")
def on_records():
    bundle = read_bundle(credit_files(), source="x")
    data = dataset_from_frame(simulate_credit_records(3000, seed=8), load_contract("credit"), source="simulated")
    return compare_on_records(bundle.policy, NEW, bundle, data)


def test_who_changes_adds_up_to_the_counts_of_both(on_records):
    told = on_records.as_json()
    for outcome in ("approve", "review", "decline"):
        assert sum(told["changes"][outcome].values()) == told["current"]["counts"][outcome]
        assert sum(row[outcome] for row in told["changes"].values()) == told["new"]["counts"][outcome]
    assert told["changed"] == sum(n for was, row in told["changes"].items() for to, n in row.items() if to != was)
    assert told["records"] == 3000


def test_a_cheaper_review_is_done_more_often(on_records):
    told = on_records.as_json()
    assert told["new"]["shares"]["review"] > told["current"]["shares"]["review"]
    assert told["new"]["expected_reviews_a_day"] == pytest.approx(1000 * told["new"]["shares"]["review"], rel=1e-4)
    assert told["current"]["expected_reviews_a_day"] == pytest.approx(
        1000 * told["current"]["shares"]["review"], rel=1e-4
    )


def test_both_are_weighed_at_the_new_costs():
    _evidence, population = read_evidence(credit_files(), source="x")
    dearer = replace(
        NEW, loss_given_fraud=2.0, wrong_decline_cost=400, review_cost=100
    )  # the same outcomes as Policy()'s
    told = compare_on_evidence(Policy(), dearer, population).as_json()
    assert told["changed"] == told["difference"]["cost_per_1000"] == 0
    assert told["current"]["cost_per_1000"] == pytest.approx(2 * consequences(Policy(), population).cost, rel=1e-5)


def test_money_has_an_interval_around_it_and_the_difference_a_narrower_one(on_records):
    told = on_records.as_json()
    for name in ("current", "new", "difference"):
        assert told[name]["low"] < told[name]["cost_per_1000"] < told[name]["high"]
    width = {name: told[name]["high"] - told[name]["low"] for name in ("current", "new", "difference")}
    assert width["difference"] < width["current"] + width["new"]


def test_the_same_records_give_the_same_interval():
    bundle = read_bundle(credit_files(), source="x")
    data = dataset_from_frame(simulate_credit_records(500, seed=8), load_contract("credit"), source="simulated")
    first, second = (compare_on_records(bundle.policy, NEW, bundle, data).as_json() for _ in range(2))
    assert first == second


def test_between_a_policy_and_itself_nothing_differs(on_records):
    told = replace(on_records, new=on_records.current).as_json()
    assert told["changed"] == told["difference"]["cost_per_1000"] == 0


def test_cells_tell_nearly_what_their_records_do_and_no_interval():
    _evidence, population = read_evidence(credit_files(), source="x")
    told = compare_on_evidence(Policy(), NEW, population).as_json()
    assert "low" not in told["difference"]
    assert told["records"] == pytest.approx(4800, abs=2)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_an_interval_holds_the_true_mean_about_as_often_as_it_says(on_records):
    people = on_records.population
    rng, held = np.random.default_rng(1), 0
    from fraud_detection_api.training.policy import simulate as simulate_policy

    true = 1000 * chosen_costs(NEW, people, NEW.outcomes(people.probabilities)).mean()
    for _ in range(40):
        rows = rng.integers(3000, size=3000)
        drawn = replace(
            people,
            probabilities=people.probabilities[rows],
            fraud=people.fraud[rows],
            legitimate=people.legitimate[rows],
        )
        interval = simulate_policy._intervals(NEW, NEW, drawn, 0)["new"]
        held += interval.low <= true <= interval.high
    assert held >= 34
