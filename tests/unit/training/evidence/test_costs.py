"""Costs of thresholds, counted by hand."""

import numpy as np
import pytest

from fraud_detection_api.training.evidence.costs import RATIOS, cost_curve


def curve(is_fraud, probability, weights=None, **options):
    weights = np.ones(len(is_fraud)) if weights is None else weights
    found = cost_curve(np.asarray(is_fraud), np.asarray(probability, dtype=np.float64), weights, **options)
    return {each["ratio"]: each for each in found["ratios"]}, found["threshold"]


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(0)
    probability = rng.beta(0.3, 6, 40_000)
    return rng.random(40_000) < probability, probability


def test_costs_are_what_a_hand_would_count():
    ratios, _ = curve([True, True, False, False, False], [0.9, 0.1, 0.5, 0.05, 0.01])
    five = ratios[5]  # from 1/6: one fraud missed, one needless alert
    assert five["theoretical_threshold"] == pytest.approx(1 / 6, rel=1e-5)
    assert five["theoretical_cost"] == pytest.approx(1000 * (5 + 1) / 5)
    assert five["trivial_cost"] == pytest.approx(1000 * 3 / 5)  # alerting on all; on none it is 10 / 5
    assert five["theoretical_relative"] == pytest.approx(2.0)
    assert five["best_threshold"] == 0.1  # both frauds, one needless alert
    assert five["best_cost"] == pytest.approx(1000 / 5)


def test_there_is_a_curve_for_each_ratio(calibrated):
    ratios, thresholds = curve(*calibrated)
    assert tuple(ratios) == RATIOS
    assert all(len(each["relative"]) == len(thresholds) for each in ratios.values())
    assert thresholds == sorted(thresholds)


def test_a_calibrated_model_is_cheapest_near_the_theoretical_threshold(calibrated):
    for each in curve(*calibrated)[0].values():
        assert each["best_cost"] <= each["theoretical_cost"] <= 1.03 * each["best_cost"]
        assert each["low"] <= each["theoretical_relative"] <= each["high"] < 1


def test_the_lowest_threshold_is_alerting_on_all(calibrated):
    is_fraud, _ = calibrated
    hundred = curve(*calibrated)[0][100]
    assert hundred["trivial_cost"] == pytest.approx(1000 * (1 - is_fraud.mean()), rel=1e-5)
    assert hundred["relative"][0] == pytest.approx(1.0, abs=0.15)  # all but the first few records


def test_where_nothing_is_worth_an_alert_the_best_threshold_is_none():
    ratios, _ = curve([False] * 30 + [True], np.linspace(0.9, 0.1, 31))
    assert ratios[5]["best_threshold"] is None
    assert ratios[5]["best_cost"] == ratios[5]["trivial_cost"] == pytest.approx(1000 * 5 / 31, rel=1e-5)


def test_the_interval_follows_the_seed_alone(calibrated):
    assert curve(*calibrated, seed=3) == curve(*calibrated, seed=3)
    assert curve(*calibrated, seed=3)[0][5]["low"] != curve(*calibrated, seed=4)[0][5]["low"]


def test_weights_are_records():
    is_fraud, probability = np.array([True, False, True, False]), np.array([0.8, 0.6, 0.1, 0.05])
    weights = np.where(is_fraud, 2.0, 3.0)
    repeated, _ = curve(np.repeat(is_fraud, weights.astype(int)), np.repeat(probability, weights.astype(int)))
    weighted, _ = curve(is_fraud, probability, weights)
    for name in ("trivial_cost", "theoretical_cost", "best_cost", "best_threshold", "relative"):
        assert weighted[10][name] == pytest.approx(repeated[10][name])
