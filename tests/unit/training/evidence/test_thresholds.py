"""Intervals of shares, and shares of the deployed population."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fraud_detection_api.statistics.estimates import wilson
from fraud_detection_api.training.evidence.thresholds import ClassWeights


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (3, 3), (1, 40), (170, 400)])
def test_wilson_agrees_with_scipy(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high))


def test_without_trials_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share_and_stays_within_0_and_1(successes, failures):
    trials = successes + failures
    low, high = wilson(successes, trials)
    assert 0 <= low <= (successes / trials if trials else 0.5) <= high <= 1


def test_weights_carry_a_share_to_the_deployed_population():
    is_fraud = np.arange(100) < 50
    weights = ClassWeights.mean(is_fraud, np.where(is_fraud, 0.02, 1.98))
    assert weights.share(0.5) == pytest.approx(0.01)
    low, high = weights.interval(50, 100)
    assert low < 0.01 < high < 0.02


def test_a_class_without_records_weighs_1():
    assert ClassWeights.mean(np.zeros(2, dtype=bool), np.array([3.0, 3.0])) == ClassWeights(1.0, 3.0)


def test_a_share_of_nothing_is_0():
    assert ClassWeights(0.0, 1.0).share(1.0) == 0.0
