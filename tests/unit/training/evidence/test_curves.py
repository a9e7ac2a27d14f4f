"""Curves agree with scikit-learn's and stay small."""

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from fraud_detection_api.statistics.estimates import all_six_digits, wilson
from fraud_detection_api.training.evidence.curves import (
    ALERT_SHARES,
    MAX_BINS,
    MAX_POINTS,
    capture_at_budgets,
    precision_recall_curve,
    reliability,
    roc_curve,
)
from fraud_detection_api.training.evidence.thresholds import BINS, score_histogram


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    probability = np.round(rng.beta(1, 20, 20_000), 5)
    return rng.random(20_000) < probability, probability


def test_a_small_roc_curve_has_every_point():
    curve = roc_curve(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    assert curve == {"false_positive_rate": [0, 0, 0.5, 0.5, 1], "recall": [0, 0.5, 0.5, 1, 1]}


def test_a_small_precision_recall_curve_has_every_point():
    curve = precision_recall_curve(np.array([True, False, True]), np.array([0.9, 0.8, 0.7]), np.ones(3))
    assert curve == {"recall": [0.5, 0.5, 1], "precision": [1, 0.5, 0.666667]}


def test_equal_probabilities_are_one_point():
    curve = roc_curve(np.array([True, False, False]), np.array([0.5, 0.5, 0.5]))
    assert curve == {"false_positive_rate": [0, 1], "recall": [0, 1]}


def test_a_thinned_roc_curve_keeps_the_shape(many):
    curve = roc_curve(*many)
    false_positive_rate, recall, _ = reference.roc_curve(*many, drop_intermediate=False)
    assert len(curve["recall"]) <= MAX_POINTS
    kept = np.interp(false_positive_rate, curve["false_positive_rate"], curve["recall"])
    assert np.abs(kept - recall).max() < 0.02
    assert np.trapezoid(curve["recall"], curve["false_positive_rate"]) == pytest.approx(
        reference.roc_auc_score(*many), abs=0.001
    )


def test_a_thinned_precision_recall_curve_keeps_points_of_the_whole_one(many):
    curve = precision_recall_curve(*many, np.ones(len(many[0])))
    precision, recall, _ = reference.precision_recall_curve(*many)
    whole = set(zip(all_six_digits(recall), all_six_digits(precision), strict=True))
    points = list(zip(curve["recall"], curve["precision"], strict=True))
    assert len(points) <= MAX_POINTS
    assert set(points) <= whole
    assert points[-1][0] == 1.0


def test_weights_give_the_precision_of_the_deployed_population(many):
    is_fraud, probability = many
    weights = np.where(is_fraud, 0.25, 1.0)
    curve = precision_recall_curve(is_fraud, probability, weights)
    precision, recall, _ = reference.precision_recall_curve(is_fraud, probability, sample_weight=weights)
    assert curve["precision"][-1] == pytest.approx(precision[0], rel=1e-4)
    assert curve["recall"][-1] == pytest.approx(recall[0])


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
