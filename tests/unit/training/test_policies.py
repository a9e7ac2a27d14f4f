"""A model's policy: the capacity is for the file's records a day, and reviews are priced on scores that were held out."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import CorruptBundle, InvalidPolicy
from fraud_detection_api.model.bundle import FILES, MANIFEST, read_bundle, read_evidence, with_changes
from fraud_detection_api.policy.consequences import chosen_costs, consequences
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.fit_scorer import ScorerFitter, measure
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.policies import (
    change_policy,
    compare_on_evidence,
    compare_on_records,
    decided_policy,
    held_out_population,
    unseen_card,
    with_records_a_day,
)
from support.builders import EVERY_DTYPE, LEVELS, NOW, QUICK, credit_files, every_dtype_frame, labelled
from support.fakes import InMemoryRegistry
from support.forgery import resealed

DAY = 86_400.0
CAPACITY = Policy(reviews_a_day=20, records_a_day=1000)


@pytest.fixture(scope="module")
def train():
    return dataset_from_frame(simulate_credit_records(4000, seed=3), load_contract("credit"), source="simulated")


@pytest.fixture(scope="module")
def fitted(train):
    return ScorerFitter(QUICK, seed=1, threads=1).fit(train)


def reviewed_share(policy, population):
    codes = policy.outcomes(population.probabilities, population.amounts)
    return population.counts[codes == 1].sum() / population.counts.sum()


def test_records_a_day_are_those_of_a_file_with_times():
    data = labelled([False] * 500, seconds=np.linspace(0, 30 * DAY, 500))
    assert with_records_a_day(Policy(reviews_a_day=3), data, None).records_a_day == 16.7


def test_records_a_day_that_are_said_are_kept():
    data = labelled([False] * 500, seconds=np.linspace(0, 30 * DAY, 500))
    assert with_records_a_day(CAPACITY, data, None) == CAPACITY


@pytest.mark.parametrize("seconds", [None, np.zeros(500)], ids=["no times", "one moment"])
def test_a_capacity_for_records_whose_number_a_day_is_not_known_is_refused(seconds):
    data = labelled([False] * 500, seconds=seconds)
    with pytest.raises(InvalidPolicy, match="records_a_day: "):
        with_records_a_day(Policy(reviews_a_day=3), data, None)
    assert with_records_a_day(Policy(), data, None) == Policy()


def test_a_sample_does_not_say_how_many_records_come_in_a_day():
    data = labelled([False] * 500, seconds=np.linspace(0, 30 * DAY, 500))
    assert with_records_a_day(Policy(), data, 0.01) == Policy()
    with pytest.raises(InvalidPolicy, match="records_a_day"):
        with_records_a_day(Policy(reviews_a_day=3), data, 0.01)


def test_reviews_of_records_that_boosters_have_not_seen_stay_within_the_capacity(train, fitted):
    decided = decided_policy(CAPACITY, train, fitted, deployed_base_rate=None, succeeds=None)
    held_out = held_out_population(train, fitted, deployed_base_rate=None)
    assert 0.018 <= reviewed_share(decided.policy, held_out) <= 0.02
    assert reviewed_share(decided.policy, Population.from_json(decided.evidence)) == pytest.approx(0.02, abs=0.004)
    assert decided.policy.version == "1"
    assert 18 <= decided.card["expected_reviews_a_day"] <= 20


def test_a_deployed_base_rate_weighs_the_records(train, fitted):
    population = held_out_population(train, fitted, deployed_base_rate=0.2)
    assert population.fraud.sum() / population.counts.sum() == pytest.approx(0.2)


def test_amounts_are_those_of_the_column_that_the_contract_names():
    toml = 'amount_at_risk = "amount_eur"\n' + EVERY_DTYPE
    data = dataset_from_frame(every_dtype_frame(), contract_from_toml(toml, source="x"), source="made up")
    registry = InMemoryRegistry()
    ModelFitter(registry, 1, QUICK, threads=1).fit(data, now=NOW)
    bundle = read_bundle(registry.fetch("1"), source="test")
    assert bundle.contract.amount_at_risk == "amount_eur"
    fitted = ScorerFitter(QUICK, seed=1, threads=1).fit(data)
    population = held_out_population(data, fitted, deployed_base_rate=None)
    assert np.array_equal(population.amounts, data.columns["amount_eur"])


def test_the_policy_is_a_version_after_the_one_that_it_succeeds(train, fitted):
    former = Policy(version="6")
    same = decided_policy(former, train, fitted, deployed_base_rate=None, succeeds=former)
    other = decided_policy(replace(former, review_cost=1), train, fitted, deployed_base_rate=None, succeeds=former)
    assert (same.policy.version, other.policy.version) == ("6", "7")


TERMS = Policy(review_cost=20, reviews_a_day=30, records_a_day=1000)


def changed(terms=TERMS, files=None):
    return change_policy(files or credit_files(), terms, source="version 1", file="costs.toml", now=NOW)


def test_only_the_policy_and_what_tells_of_it_change():
    files = changed().sealed.files
    same = {name for name in FILES if files[name] == credit_files()[name]}
    assert set(FILES) - same == {"policy.json", "card.json", "card.md", "report.html"}


def test_scores_stay_the_same_to_the_bit_and_the_digest_is_another():
    former, new = (read_bundle(files, source="x") for files in (credit_files(), changed().sealed.files))
    columns = {name: np.linspace(0, 60, 40) for name in former.contract.features}
    assert [a.tobytes() for a in former.scorer.score(columns)] == [a.tobytes() for a in new.scorer.score(columns)]
    assert former.digest != new.digest == changed().sealed.digest


def test_the_policy_is_the_next_version_and_priced():
    policy = read_bundle(changed().sealed.files, source="x").policy
    assert (policy.version, policy.review_cost, policy.reviews_a_day) == ("2", 20, 30)
    assert policy.review_price > 0


def test_reviews_of_the_evidence_stay_within_the_capacity():
    new = changed().changes["to"]
    assert 20 <= new["expected_reviews_a_day"] <= 30


def test_card_and_report_tell_the_new_policy():
    files = changed().sealed.files
    assert json.loads(files["card.json"])["policy"] == changed().changes["to"]
    assert b"Version 2 of the policy" in files["card.md"]
    assert b"Version 2 of the policy" in files["report.html"]


def test_fairness_that_was_measured_on_the_former_policy_is_not_kept():
    card = {**json.loads(credit_files()["card.json"]), "fairness": [{"column": "side"}], "unseen_levels": {}}
    policy = read_bundle(credit_files(), source="x").policy
    judged = with_changes(
        credit_files(), policy=policy, card=card, documents=credit_files(), created_at="2026-11-22T10:00:00Z"
    )
    files = changed(files=judged.files).sealed.files
    assert not {"fairness", "unseen_levels"} & json.loads(files["card.json"]).keys()
    assert b"Not measured with this policy" in files["card.md"]


@pytest.mark.parametrize(("unseen", "reviewed"), [("review", 30 / 90), ("flag", 0.0)])
def test_reviews_of_unseen_levels_are_counted_beside_the_policy(unseen, reviewed):
    contract = contract_from_toml(
        LEVELS.replace("[features.channel]", f'[features.channel]\nunseen = "{unseen}"'), source="x.toml"
    )

    def records(*channels):
        frame = pl.DataFrame(
            {
                "payment": [f"P-{n}" for n in range(30 * len(channels))],
                "amount": 10.0,
                "channel": [each for each in channels for _ in range(30)],
                "colour": "red",
                "is_fraud": [int(n % 2 and each == "WEB") for each in channels for n in range(30)],
            }
        )
        return dataset_from_frame(frame, contract, source="made up")

    fitter = ScorerFitter(QUICK, seed=1, threads=1)
    learned = fitter.fit(records(*["WEB", "SHOP", "SHOP", "PHONE"] * 8))
    measured = measure(fitter, learned, records("WEB", "SHOP", "fax"))
    policy = Policy(amount_at_risk=100, review_cost=30, wrong_decline_cost=1e6)  # WEB alone is reviewed, from 0.3 on
    found = unseen_card(learned.scorer, measured, policy)["unseen_levels"]
    assert found == {"records": 90, "unseen": 0.333333, "reviewed": pytest.approx(reviewed, abs=1e-5)}


def test_the_former_policy_is_told_on_the_same_evidence():
    assert changed().changes["from"]["version"] == "1"
    assert changed().changes["from"]["records"] == changed().changes["to"]["records"]


def test_records_a_day_are_the_former_policy_s_where_none_are_said():
    files = changed().sealed.files
    policy = read_bundle(changed(Policy(reviews_a_day=10), files).sealed.files, source="x").policy
    assert (policy.version, policy.records_a_day) == ("3", 1000)


def test_a_capacity_that_is_left_out_is_none_any_more():
    priced = changed().sealed.files
    policy = read_bundle(changed(Policy(review_cost=20), priced).sealed.files, source="x").policy
    assert (policy.reviews_a_day, policy.review_price, policy.version) == (None, 0, "3")


def test_a_capacity_for_an_unknown_number_of_records_is_refused_by_the_file_s_name():
    with pytest.raises(InvalidPolicy, match=r"^policy costs\.toml: records_a_day: "):
        changed(Policy(reviews_a_day=10))


def test_the_policy_that_the_model_has_already_is_refused():
    with pytest.raises(InvalidPolicy, match="already the policy of version 1"):
        changed(Policy())
    with pytest.raises(InvalidPolicy, match="already the policy of version 1"):
        changed(TERMS, changed().sealed.files)


def test_the_time_is_no_part_of_the_digest():
    later = change_policy(credit_files(), TERMS, source="x", file="y", now=NOW.replace(year=2030)).sealed
    assert later.digest == changed().sealed.digest
    assert json.loads(later.files[MANIFEST])["created_at"] == "2030-11-22T10:00:00Z"


def broken_evidence(**changes):
    evidence = {**json.loads(credit_files()["evidence.json"]), **changes}
    return resealed(credit_files(), evidence_json=json.dumps(evidence).encode())


@pytest.mark.parametrize("cells", [None, {}, [], {"probability": [2], "amount": None, "fraud": [1], "legitimate": [1]}])
def test_a_bundle_whose_cells_cannot_be_is_refused(cells):
    with pytest.raises(CorruptBundle, match=r"evidence\.json"):
        changed(files=broken_evidence(policy=cells))


def test_the_evidence_of_a_bundle_is_cells_of_no_person():
    _evidence, population = read_evidence(credit_files(), source="x")
    assert population.counts.sum() == pytest.approx(4800, abs=2)
    assert population.counts.min() >= 10


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
    from fraud_detection_api.training import policies

    true = 1000 * chosen_costs(NEW, people, NEW.outcomes(people.probabilities)).mean()
    for _ in range(40):
        rows = rng.integers(3000, size=3000)
        drawn = replace(
            people,
            probabilities=people.probabilities[rows],
            fraud=people.fraud[rows],
            legitimate=people.legitimate[rows],
        )
        interval = policies._intervals(NEW, NEW, drawn, 0)["new"]
        held += interval.lower <= true <= interval.upper
    assert held >= 34
