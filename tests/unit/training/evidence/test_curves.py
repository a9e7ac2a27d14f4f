"""Curves agree with scikit-learn's and stay small."""

import numpy as np
import pytest
from sklearn import metrics as reference

from fraud_detection_api.statistics.rounding import all_six_digits
from fraud_detection_api.training.evidence.curves import MAX_POINTS, precision_recall_curve, roc_curve


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
