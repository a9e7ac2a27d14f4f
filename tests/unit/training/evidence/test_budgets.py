"""What is caught at an alert budget, counted by hand."""

import numpy as np
import pytest

from fraud_detection_api.statistics.estimates import wilson
from fraud_detection_api.training.evidence.budgets import ALERT_SHARES, capture_at_budgets


@pytest.fixture(scope="module")
def thousand():
    """1,000 records by falling probability; frauds are the 1st, 3rd, 5th, 7th, 9th, and 15 of the last hundred."""
    is_fraud = np.zeros(1000, dtype=bool)
    is_fraud[[0, 2, 4, 6, 8]] = True
    is_fraud[985:] = True
    return is_fraud, np.linspace(0.999, 0.0, 1000)


def capture(labelled, weights=None):
    is_fraud, probability = labelled
    found = capture_at_budgets(is_fraud, probability, np.ones(len(is_fraud)) if weights is None else weights)
    return {budget["alert_share"]: budget for budget in found}


def test_a_budget_counts_what_a_hand_would(thousand):
    budget = capture(thousand)[0.01]
    assert budget["alerts"] == 10
    assert budget["precision"] == 0.5
    assert budget["recall"] == 0.25
    assert budget["lift"] == pytest.approx(0.5 / 0.02)
    assert budget["threshold"] == pytest.approx(thousand[1][9], rel=1e-5)
    assert (budget["recall_low"], budget["recall_high"]) == pytest.approx(wilson(5, 20), rel=1e-5)
    assert (budget["precision_low"], budget["precision_high"]) == pytest.approx(wilson(5, 10), rel=1e-5)


def test_every_budget_of_an_alert_or_more_is_there(thousand):
    assert list(capture(thousand)) == list(ALERT_SHARES)


def test_budgets_of_less_than_one_alert_are_left_out():
    budgets = capture((np.arange(50) < 3, np.linspace(0.9, 0.1, 50)))
    assert list(budgets) == [0.02, 0.05, 0.1, 0.2]
    assert budgets[0.02]["alerts"] == 1


def test_a_budget_is_never_overrun_by_equal_probabilities():
    probability = np.where(np.arange(100) < 8, 0.9, 0.1)
    budgets = capture((np.arange(100) < 4, probability))
    assert list(budgets) == [0.1, 0.2]
    assert [budget["alerts"] for budget in budgets.values()] == [8, 8]


def test_one_probability_for_all_has_no_budget():
    assert capture((np.arange(100) < 4, np.full(100, 0.04))) == {}


def test_reweighting_leaves_recall_and_changes_precision(thousand):
    is_fraud, _ = thousand
    plain = capture(thousand)[0.2]
    weighted = capture(thousand, np.where(is_fraud, 0.1, 1.0))[0.2]
    assert weighted["recall"] == plain["recall"]
    assert weighted["precision"] == pytest.approx(0.5 / (0.5 + 195), rel=0.03)
    assert weighted["precision_low"] < weighted["precision"] < weighted["precision_high"]
    assert weighted["lift"] == pytest.approx(weighted["precision"] / (2 / 982), rel=1e-4)
