"""Reliability bins and the histogram of scores."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from fraud_detection_api.statistics.estimates import wilson
from fraud_detection_api.training.evidence.reliability import MAX_BINS, reliability
from fraud_detection_api.training.evidence.scores import BINS, score_histogram


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(0)
    probability = rng.beta(1, 9, 20_000)
    return rng.random(20_000) < probability, probability


def test_bins_agree_with_scikit_learn(calibrated):
    rates, means = calibration_curve(*calibrated, n_bins=MAX_BINS, strategy="quantile")
    bins = reliability(*calibrated, np.ones(20_000))
    assert [each["fraud_rate"] for each in bins] == pytest.approx(rates, abs=1e-5)
    assert [each["mean_probability"] for each in bins] == pytest.approx(means, abs=1e-5)


def test_a_calibrated_model_lies_within_most_intervals(calibrated):
    bins = reliability(*calibrated, np.ones(20_000))
    assert sum(each["low"] <= each["mean_probability"] <= each["high"] for each in bins) >= 17


def test_a_bin_is_what_a_hand_would_count():
    bins = reliability(np.arange(40) < 4, np.full(40, 0.1), np.ones(40))
    low, high = wilson(4, 40)
    assert len(bins) == 1
    assert bins[0] == {
        "rows": 40,
        "mean_probability": 0.1,
        "fraud_rate": 0.1,
        "low": pytest.approx(low, rel=1e-5),
        "high": pytest.approx(high, rel=1e-5),
    }


def test_few_records_have_few_bins():
    assert len(reliability(np.arange(7) < 3, np.linspace(0, 1, 7), np.ones(7))) == 1
    assert len(reliability(np.arange(100) < 30, np.linspace(0, 1, 100), np.ones(100))) == 3


def test_weights_give_the_rate_of_the_deployed_population():
    is_fraud = np.arange(100) < 50
    (only,) = reliability(is_fraud[25:75], np.full(50, 0.01), np.where(is_fraud, 0.02, 1.98)[25:75])
    assert only["fraud_rate"] == pytest.approx(0.01)
    assert only["low"] < 0.01 < only["high"] < 0.03


def test_every_record_is_in_the_histogram():
    is_fraud = np.array([True, False, False, False, True])
    scores = score_histogram(is_fraud, np.array([1.0, 0.0, 0.01, 0.02, 0.5]))
    assert sum(scores["fraud"]) == 2
    assert sum(scores["legitimate"]) == 3
    assert len(scores["edges"]) == BINS + 1
    assert scores["edges"] == sorted(scores["edges"])


def test_one_score_for_all_is_one_bin():
    scores = score_histogram(np.array([True, False]), np.array([0.5, 0.5]))
    assert [max(scores[name]) for name in ("legitimate", "fraud")] == [1, 1]
