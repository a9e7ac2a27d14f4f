"""What a policy does to a population: shares, money, and who changes."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.consequences import changes, consequences, policy_card, price_reviews, threshold_costs
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy
from fraud_detection_api.policy.population import Population
from unit.policy.test_population import simulated

FOUR = Population(
    probabilities=np.array([0.01, 0.2, 0.2, 0.9]),
    amounts=np.array([1000.0, 1000.0, np.nan, 1000.0]),
    fraud=np.array([1.0, 2.0, 0.0, 3.0]),
    legitimate=np.array([99.0, 8.0, 5.0, 2.0]),
)


def test_shares_are_of_records_of_fraud_and_of_the_legitimate():
    found = consequences(Policy(records_a_day=1200), FOUR)
    assert found.counts == {"approve": 100, "review": 15, "decline": 5}
    assert found.shares["review"] == pytest.approx(15 / 120)
    assert found.fraud_shares == pytest.approx({"approve": 1 / 6, "review": 2 / 6, "decline": 3 / 6})
    assert found.legitimate_shares == pytest.approx({"approve": 99 / 114, "review": 13 / 114, "decline": 2 / 114})
    assert found.reviews_a_day == pytest.approx(150)


def test_reviews_a_day_are_not_known_without_the_records_a_day():
    assert consequences(Policy(), FOUR).reviews_a_day is None


def test_money_is_counted_as_records_turned_out_and_without_the_price_of_reviews():
    paid = 1 * 1000 + 15 * 50 + 2 * 200
    assert consequences(Policy(), FOUR).cost == pytest.approx(1000 * paid / 120)
    priced = Policy(reviews_a_day=1, records_a_day=10, review_price=1)
    assert consequences(priced, FOUR).cost == pytest.approx(1000 * paid / 120)


def test_without_any_fraud_none_of_it_is_anywhere():
    honest = Population(np.array([0.1]), None, np.zeros(1), np.ones(1))
    assert consequences(Policy(), honest).fraud_shares == {"approve": 0, "review": 0, "decline": 0}


def test_a_policy_is_cheaper_than_one_outcome_for_all_where_probabilities_are_right():
    told = policy_card(Policy(), simulated())
    assert told["cost_per_1000"] < min(told["otherwise"].values())
    assert set(told["otherwise"]) == {"approve_all", "review_all", "decline_all"}


def test_the_card_tells_the_capacity_and_what_is_expected_of_it():
    told = policy_card(Policy(reviews_a_day=7, records_a_day=1000, review_price=3), simulated())
    assert told["reviews_a_day"] == 7
    assert told["expected_reviews_a_day"] == pytest.approx(1000 * told["shares"]["review"], rel=1e-4)


def test_the_card_is_json():
    told = policy_card(Policy(wrong_decline_cost=0), simulated(500))
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_thresholds_are_told_of_typical_amounts():
    amounts = [each["amount"] for each in policy_card(Policy(), simulated())["thresholds"]]
    assert amounts[0] == 1000
    assert amounts[1:] == pytest.approx(np.exp(6 + np.array([-1.2816, 0, 1.2816])), rel=0.05)


def test_where_no_record_has_an_amount_the_policy_s_is_the_only_one():
    nobody = Population(np.array([0.1]), np.array([np.nan]), np.ones(1), np.ones(1))
    assert [each["amount"] for each in policy_card(Policy(), nobody)["thresholds"]] == [1000]


def test_who_changes_is_counted_from_and_to():
    before, after = np.array([0, 1, 1, 2], np.int8), np.array([0, 0, 2, 1], np.int8)
    found = changes(before, after, FOUR)
    assert found["approve"] == {"approve": 100, "review": 0, "decline": 0}
    assert found["review"] == {"approve": 10, "review": 0, "decline": 5}
    assert found["decline"] == {"approve": 0, "review": 5, "decline": 0}


def test_moving_a_threshold_to_where_it_is_costs_what_the_policy_does():
    people, policy = simulated(amounts=False), Policy()
    moved = threshold_costs(policy, people, np.array([0.05, 0.75]))
    cost = consequences(policy, people).cost / 1000
    assert moved.review_above[0] == pytest.approx(cost)
    assert moved.decline_above[1] == pytest.approx(cost)


def test_moving_a_threshold_either_way_costs_more_in_the_long_run():
    people, policy = simulated(400_000, amounts=False), Policy()
    moved = threshold_costs(policy, people, np.array([0.01, 0.05, 0.2]))
    assert moved.review_above[1] < min(moved.review_above[0], moved.review_above[2])


def test_a_threshold_that_is_not_there_cannot_be_moved():
    moved = threshold_costs(Policy(review_cost=500), FOUR, np.array([0.5]))
    assert moved.review_above is None
    assert moved.decline_above is not None


@pytest.mark.parametrize("code", range(3))
def test_one_outcome_for_all_is_weighed_at_the_policy_s_costs(code):
    found = consequences(Policy(), FOUR, np.full(4, code, np.int8))
    assert found.shares[OUTCOMES[code]] == 1
    assert found.cost == pytest.approx(1000 * [6 * 1000, 120 * 50, 114 * 200][code] / 120)


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
