"""Champion and challenger on the same decisions, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.monitoring.comparison import Latency, Pairs, Side, compare
from fraud_detection_api.policy.outcomes import Policy

POLICY = Policy()


def side(probability, policy=POLICY, amounts=None):
    probability = np.asarray(probability, dtype=np.float64)
    return Side(probability, policy.outcomes(probability, amounts), policy)


def drawn(seed=1, rows=8_000, noise=1.0):
    """A champion that knows the true log-odds with noise, a challenger that knows them; all truth is known."""
    draws = np.random.default_rng(seed)
    log_odds = draws.normal(-3, 1.5, rows)
    is_fraud = (draws.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    noisy = log_odds + draws.normal(0, noise, rows)
    return is_fraud, 1 / (1 + np.exp(-noisy)), 1 / (1 + np.exp(-log_odds))


def test_swaps_and_agreement_are_counted():
    pairs = Pairs(side([0.01, 0.3, 0.9, 0.01]), side([0.01, 0.01, 0.3, 0.9]), np.full(4, np.nan), None)
    found = compare(pairs)
    assert found.swaps == {
        "approve": {"approve": 1, "review": 0, "decline": 1},
        "review": {"approve": 1, "review": 0, "decline": 0},
        "decline": {"approve": 0, "review": 1, "decline": 0},
    }
    assert found.agreement.estimate == 0.25


def test_money_is_what_the_outcomes_cost_as_it_turned_out():
    # frauds approved lose 1000, reviews cost 50, wrong declines 200
    pairs = Pairs(side([0.01, 0.3, 0.9]), side([0.3, 0.01, 0.3]), np.array([1.0, 0.0, 0.0]), None)
    (money,) = compare(pairs).money
    assert money.champion == pytest.approx(1000 * (1000 + 50 + 200) / 3)
    assert money.challenger == pytest.approx(1000 * (50 + 0 + 50) / 3)
    assert money.difference.estimate == pytest.approx(money.challenger - money.champion)


def test_money_counts_amounts():
    amounts = np.array([500.0, np.nan])
    pairs = Pairs(
        side([0.01, 0.01], amounts=amounts), side([0.01, 0.01], amounts=amounts), np.array([1.0, 1.0]), amounts
    )
    assert compare(pairs).money[0].champion == pytest.approx(1000 * (500 + 1000) / 2)


def test_money_is_also_told_at_the_challengers_costs_where_they_are_others():
    other = replace(POLICY, version="2", review_cost=10.0)
    found = compare(Pairs(side([0.3]), side([0.3], other), np.array([0.0]), None))
    assert [(money.policy_version, money.champion) for money in found.money] == [("1", 50_000), ("2", 10_000)]


def test_a_policy_of_another_version_with_the_same_costs_is_no_other():
    found = compare(Pairs(side([0.3]), side([0.3], replace(POLICY, version="2")), np.array([0.0]), None))
    assert len(found.money) == 1


def test_without_labels_only_what_both_claim_is_told():
    found = compare(Pairs(side([0.02, 0.3]), side([0.04, 0.3]), np.full(2, np.nan), None))
    assert (found.known, found.money, found.differences, found.champion.measures) == (0, (), {}, {})
    assert found.expected_cost == {"champion": pytest.approx(35_000), "challenger": pytest.approx(45_000)}


def test_nothing_compared_is_told_as_such():
    empty = np.zeros(0)
    found = compare(Pairs(side(empty), side(empty), empty, None))
    assert (found.decisions, found.agreement, found.score_psi, found.expected_cost) == (0, None, None, {})


def test_only_known_truth_is_measured():
    is_fraud, worse, better = drawn()
    is_fraud[4_000:] = np.nan
    found = compare(Pairs(side(worse), side(better), is_fraud, None))
    assert (found.decisions, found.known, found.frauds) == (8_000, 4_000, int(np.nansum(is_fraud)))
    assert found.challenger.records == 4_000


def test_a_better_challenger_is_seen_to_be_better():
    is_fraud, worse, better = drawn()
    found = compare(Pairs(side(worse), side(better), is_fraud, None), latency=Latency(30, 40))
    assert all(difference.lower > 0 for difference in found.differences.values())
    assert found.money[0].difference.upper < 0
    assert found.score_psi > 0.05
    assert found.latency == (30, 40)


def test_the_same_scores_have_no_psi():
    is_fraud, worse, _ = drawn()
    assert compare(Pairs(side(worse), side(worse), is_fraud, None)).score_psi == pytest.approx(0, abs=1e-12)
