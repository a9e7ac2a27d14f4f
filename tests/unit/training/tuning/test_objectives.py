"""What tuning makes as large as it can, by hand."""

import numpy as np
import pytest

from fraud_detection_api.training.tuning.objectives import Objective

IS_FRAUD = np.array([True, False, True, False, False])
PROBABILITY = np.array([0.9, 0.8, 0.3, 0.2, 0.1])


def test_average_precision_is_that_of_the_metrics():
    assert Objective("average_precision").value(IS_FRAUD, PROBABILITY) == pytest.approx((1 + 2 / 3) / 2)


def test_roc_auc_counts_pairs():
    assert Objective("roc_auc").value(IS_FRAUD, PROBABILITY) == pytest.approx(5 / 6)


@pytest.mark.parametrize(("rate", "recall"), [(0.01, 0.5), (0.34, 1.0)])
def test_recall_is_taken_at_the_rate_that_is_asked_for(rate, recall):
    assert Objective("recall_at_fpr", false_positive_rate=rate).value(IS_FRAUD, PROBABILITY) == recall


def test_cost_counts_missed_frauds_and_needless_alerts():
    # a ratio of 1 alerts from .5 on: one needless alert, one missed fraud
    assert Objective("expected_cost", cost_ratio=1).value(IS_FRAUD, PROBABILITY) == pytest.approx(-2 / 5)
    # a ratio of 3 alerts from .25 on: one needless alert
    assert Objective("expected_cost", cost_ratio=3).value(IS_FRAUD, PROBABILITY) == pytest.approx(-1 / 5)


def test_a_costly_miss_weighs_more():
    silent = np.full(5, 0.001)
    assert Objective("expected_cost", cost_ratio=10).value(IS_FRAUD, silent) == pytest.approx(-20 / 5)


@pytest.mark.parametrize("name", ["average_precision", "roc_auc", "recall_at_fpr", "expected_cost"])
def test_every_objective_says_in_words_what_it_is(name):
    assert Objective(name).text.strip()
