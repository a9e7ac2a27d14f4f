"""Intervals hold the truth about as often as they say."""

import numpy as np
import pytest

from fraud_detection_api.statistics.estimates import Estimate, bootstrap_estimate, mean_estimate, share_estimate, wilson


def test_a_share_without_trials_is_not_known():
    assert share_estimate(0, 0) is None
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_share_of_nothing_found_has_an_upper_end_above_0():
    found = share_estimate(0, 100)
    assert (found.estimate, found.lower) == (0, 0)
    assert found.upper == pytest.approx(0.037, abs=0.001)


def test_the_interval_of_a_mean_holds_it_95_times_in_100():
    draws = np.random.default_rng(1)
    held = [est.lower <= 2 <= est.upper for est in (mean_estimate(draws.exponential(2, 400)) for _ in range(1000))]
    assert 0.92 < np.mean(held) < 0.97


def test_the_bias_of_resampling_is_taken_off():
    resampled = np.linspace(0.2, 0.4, 1001)
    found = bootstrap_estimate(0.25, resampled)
    assert found.lower == pytest.approx(0.155)
    assert found.upper == pytest.approx(0.345)


def test_an_interval_stays_within_what_is_possible():
    assert Estimate(0.99, 0.9, 1.1).within(0, 1) == (0.99, 0.9, 1.0)
    assert Estimate(0.0, -0.02, -0.0019).within(0, 1) == (0.0, 0.0, 0.0)
    assert Estimate(1.0, 1.01, 1.02).within(0, 1) == (1.0, 1.0, 1.0)
