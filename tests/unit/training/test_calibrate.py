"""Recalibration mends margins that are too bold, and claims nothing for margins that tell nothing."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from fraud_detection_api.training.calibrate import fit_calibration


def outcomes(margins: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(len(margins)) < 1 / (1 + np.exp(-margins))


@pytest.fixture(scope="module")
def true_margins() -> np.ndarray:
    return np.random.default_rng(1).normal(-2, 1.5, 20_000).astype(np.float32)


@pytest.mark.parametrize(("slope", "shift"), [(3.0, 0.0), (0.4, 0.0), (1.0, 2.0), (2.0, -1.0)])
def test_margins_of_a_wrong_slope_or_level_are_mended(true_margins, slope, shift):
    is_fraud, margins = outcomes(true_margins), slope * true_margins + np.float32(shift)
    calibration = fit_calibration(margins, is_fraud)
    fresh = outcomes(true_margins, seed=5)
    before = log_loss(fresh, 1 / (1 + np.exp(-margins.astype(np.float64))))
    after = log_loss(fresh, calibration.probabilities(margins))
    best = log_loss(fresh, 1 / (1 + np.exp(-true_margins.astype(np.float64))))
    assert after < before - 0.005
    assert after == pytest.approx(best, abs=0.002)


def test_sound_margins_are_left_nearly_alone(true_margins):
    calibration = fit_calibration(true_margins, outcomes(true_margins))
    expected = 1 / (1 + np.exp(-true_margins.astype(np.float64)))
    assert np.abs(calibration.probabilities(true_margins) - expected).max() < 0.03


def test_the_mean_probability_is_the_base_rate(true_margins):
    is_fraud = outcomes(true_margins)
    probabilities = fit_calibration(2 * true_margins, is_fraud).probabilities(2 * true_margins)
    assert probabilities.mean() == pytest.approx(is_fraud.mean(), abs=1e-3)


def test_inverted_margins_get_the_base_rate(true_margins):
    is_fraud = outcomes(-true_margins)
    assert set(fit_calibration(true_margins, is_fraud).knots) == {is_fraud.mean()}


def test_margins_that_are_all_alike_get_the_base_rate():
    is_fraud = np.arange(100) < 10
    probabilities = fit_calibration(np.full(100, -2.5, dtype=np.float32), is_fraud).probabilities(
        np.array([-9, 0, 9], dtype=np.float32)
    )
    assert probabilities == pytest.approx([0.1, 0.1, 0.1], abs=1e-6)


def test_margins_that_separate_the_classes_are_calibrated_all_the_same():
    margins = np.concatenate([np.full(50, -4.0), np.full(50, 4.0)]).astype(np.float32)
    probabilities = fit_calibration(margins, margins > 0).probabilities(margins)
    assert probabilities[:50].max() < 0.05
    assert probabilities[50:].min() > 0.95


@pytest.mark.parametrize("spread", [1e-7, 1e-5, 1e-3, 1e-2, 1e-1])
def test_margins_that_hardly_differ_keep_the_base_rate_and_their_order(true_margins, spread):
    is_fraud = outcomes(true_margins)
    margins = (-3.9 + spread * true_margins).astype(np.float32)
    probabilities = fit_calibration(margins, is_fraud).probabilities(margins)
    assert probabilities.mean() == pytest.approx(is_fraud.mean(), rel=0.05)
    assert np.all(np.diff(probabilities[np.argsort(margins, kind="stable")]) >= 0)
    assert np.ptp(probabilities) > 0


@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
def test_the_fit_is_the_one_of_greatest_likelihood(true_margins, spread):
    is_fraud = outcomes(true_margins)
    margins = (spread * true_margins).astype(np.float32)
    fitted = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-9).fit(
        margins.astype(np.float64).reshape(-1, 1), is_fraud
    )
    grid = np.arange(-16, 16, 1 / 32)
    expected = fitted.predict_proba(grid.reshape(-1, 1))[:, 1]
    got = fit_calibration(margins, is_fraud).probabilities(grid.astype(np.float32))
    assert np.abs(got - expected).max() < 1e-6
