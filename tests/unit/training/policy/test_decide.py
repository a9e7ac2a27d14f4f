"""A model's policy: the capacity is for the file's records a day, and reviews are priced on scores that were held out."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.policy.decide import decided_policy, held_out_population, with_records_a_day
from support.builders import EVERY_DTYPE, NOW, QUICK, every_dtype_frame, labelled
from support.fakes import InMemoryRegistry

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
