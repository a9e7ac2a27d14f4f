"""What a policy does to a population: shares, money, and who changes."""

import json

import numpy as np
import pytest

from fraud_detection_api.policy.consequences import changes, consequences, policy_card, threshold_costs
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
