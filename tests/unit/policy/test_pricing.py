"""The price of a review: the lowest at which reviews a day stay within the capacity."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.policy.pricing import price_reviews
from unit.policy.test_population import simulated


def reviewed_share(policy, population):
    codes = policy.outcomes(population.probabilities, population.amounts)
    return population.counts[codes == 1].sum() / population.counts.sum()


def costs(policy, population):
    """Expected cost of the outcomes, reviews at their own cost."""
    codes = policy.outcomes(population.probabilities, population.amounts)
    p = population.probabilities
    each = np.array(
        [
            p * policy.at_risk(p, population.amounts),
            np.full(len(p), policy.review_cost),
            (1 - p) * policy.wrong_decline_cost,
        ]
    )
    return (population.counts * each[codes, np.arange(len(p))]).sum()


def test_without_a_capacity_a_review_has_no_price():
    assert price_reviews(Policy(), simulated()).review_price == 0


def test_with_reviewers_enough_a_review_has_no_price():
    assert price_reviews(Policy(reviews_a_day=1000, records_a_day=1000), simulated()).review_price == 0


@pytest.mark.parametrize("amounts", [True, False])
@pytest.mark.parametrize("capacity", [0, 1, 7, 20, 45])
def test_reviews_stay_within_the_capacity_and_use_it_up(capacity, amounts):
    population = simulated(amounts=amounts)
    priced = price_reviews(Policy(reviews_a_day=capacity, records_a_day=1000), population)
    assert capacity - 0.1 <= 1000 * reviewed_share(priced, population) <= capacity
    assert priced.review_price > 0


def test_the_price_is_the_lowest_of_six_digits():
    population = simulated(3000)
    priced = price_reviews(Policy(reviews_a_day=10, records_a_day=1000), population)
    lower = priced.review_price - 10.0 ** (math.floor(math.log10(priced.review_price)) - 5)
    assert reviewed_share(replace(priced, review_price=lower), population) > 0.01


def test_no_other_choice_of_as_many_reviews_is_cheaper():
    population = simulated(2000)
    priced = price_reviews(Policy(reviews_a_day=20, records_a_day=1000), population)
    p = population.probabilities
    unreviewed = np.minimum(p * priced.at_risk(p, population.amounts), (1 - p) * priced.wrong_decline_cost)
    gain = np.sort(unreviewed - priced.review_cost)[::-1]
    best = unreviewed.sum() - gain[: round(reviewed_share(priced, population) * 2000)].sum()
    assert costs(priced, population) == pytest.approx(best)


def test_records_that_are_alike_are_reviewed_all_or_none():
    alike = Population(np.full(100, 0.3), None, np.zeros(100), np.ones(100))
    priced = price_reviews(Policy(reviews_a_day=10, records_a_day=100), alike)
    assert reviewed_share(priced, alike) == 0


def test_a_price_that_was_there_before_counts_for_nothing():
    population = simulated()
    policy = Policy(reviews_a_day=10, records_a_day=1000)
    assert price_reviews(replace(policy, review_price=77), population) == price_reviews(policy, population)


def test_cells_give_nearly_the_price_of_their_records():
    population = simulated()
    policy = Policy(reviews_a_day=20, records_a_day=1000)
    exact = price_reviews(policy, population)
    priced = price_reviews(policy, population.cells())
    assert priced.review_price == pytest.approx(exact.review_price, rel=0.1)


def test_a_capacity_for_an_unknown_number_of_records_is_refused():
    with pytest.raises(InvalidPolicy, match="records_a_day: say how many records come in a day"):
        price_reviews(Policy(reviews_a_day=10), simulated(100))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1e6), st.integers(0, 3)), min_size=1, max_size=30),
    st.floats(0, 30),
)
def test_whatever_the_records_the_capacity_holds(rows, capacity):
    probabilities, amounts, counts = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    population = Population(probabilities, amounts, counts, np.ones(len(rows)))
    policy = Policy(reviews_a_day=capacity, records_a_day=30, review_cost=1)
    assert reviewed_share(price_reviews(policy, population), population) <= capacity / 30 * (1 + 1e-9)
