"""Recalibration mends margins that are too bold, and claims nothing for margins that tell nothing."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from fraud_detection_api.training.calibrate import deployment_weights, fit_calibration, prior_shift, uncalibrated


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


@pytest.mark.parametrize(("base_rate", "deployed"), [(0.5, 0.01), (0.3, 0.02), (0.02, 0.2)])
def test_a_shift_multiplies_the_odds_as_bayes_rule_does(base_rate, deployed):
    probability = np.array([0.05, 0.5, 0.9])
    shifted = 1 / (1 + np.exp(-(np.log(probability / (1 - probability)) + prior_shift(base_rate, deployed))))
    fraud, legitimate = probability * deployed / base_rate, (1 - probability) * (1 - deployed) / (1 - base_rate)
    np.testing.assert_allclose(shifted, fraud / (fraud + legitimate))


def test_the_same_share_or_none_shifts_nothing():
    assert prior_shift(0.1, 0.1) == prior_shift(0.1, None) == 0.0


@pytest.fixture(scope="module")
def population() -> tuple[np.ndarray, np.ndarray]:
    """Margins that are the true log-odds of a population with 4 % of fraud, and its outcomes."""
    margins = np.random.default_rng(2).normal(-4.5, 1.7, 200_000).astype(np.float32)
    return margins, outcomes(margins, seed=3)


@pytest.fixture(scope="module")
def sample(population) -> tuple[np.ndarray, np.ndarray]:
    """All its frauds, and as many others."""
    margins, is_fraud = population
    legitimate = np.random.default_rng(4).choice(np.flatnonzero(~is_fraud), is_fraud.sum(), replace=False)
    chosen = np.concatenate([np.flatnonzero(is_fraud), legitimate])
    return margins[chosen], is_fraud[chosen]


def test_a_sample_by_class_is_calibrated_on_the_population_that_it_is_of(population, sample):
    (margins, is_fraud), base_rate = population, float(population[1].mean())
    assert 0.03 < base_rate < 0.05
    shifted = fit_calibration(*sample, deployed_base_rate=base_rate).probabilities(margins)
    assert shifted.mean() == pytest.approx(base_rate, rel=0.05)
    for tenth in np.array_split(np.argsort(shifted), 10)[5:]:
        assert shifted[tenth].mean() == pytest.approx(is_fraud[tenth].mean(), rel=0.15)
    truth = 1 / (1 + np.exp(-margins.astype(np.float64)))
    assert log_loss(is_fraud, shifted) < log_loss(is_fraud, truth) + 0.001


def test_a_sample_by_class_is_far_off_without_the_share_of_fraud_where_it_is_deployed(population, sample):
    margins, is_fraud = population
    assert fit_calibration(*sample).probabilities(margins).mean() > 3 * is_fraud.mean()


def test_the_shift_leaves_the_order_of_records_alone(sample):
    margins, is_fraud = sample
    probabilities = fit_calibration(margins, is_fraud, deployed_base_rate=0.01).probabilities(margins)
    assert np.all(np.diff(probabilities[np.argsort(margins, kind="stable")]) >= 0)


def test_margins_that_tell_nothing_get_the_share_where_they_are_deployed(true_margins):
    knots = fit_calibration(true_margins, outcomes(-true_margins), deployed_base_rate=0.01).knots
    assert knots == pytest.approx(np.full(len(knots), 0.01))


def test_deployment_weights_make_the_share_and_keep_the_count():
    is_fraud = np.arange(1000) < 400
    weights = deployment_weights(is_fraud, 0.02)
    assert np.average(is_fraud, weights=weights) == pytest.approx(0.02)
    assert weights.sum() == pytest.approx(1000)
    assert len(np.unique(weights)) == 2


def test_without_another_share_records_have_no_weights():
    assert deployment_weights(np.arange(10) < 4, None) is None


def test_a_weighted_sample_measures_what_the_population_would(population, sample):
    base_rate = float(population[1].mean())
    probabilities = [1 / (1 + np.exp(-margins.astype(np.float64))) for margins in (population[0], sample[0])]
    weighted = log_loss(sample[1], probabilities[1], sample_weight=deployment_weights(sample[1], base_rate))
    assert weighted == pytest.approx(log_loss(population[1], probabilities[0]), rel=0.03)


def test_what_the_trees_state_is_the_logistic_of_their_margins():
    margins = np.array([-1000.0, 0.0, 2.0, 1000.0], dtype=np.float32)
    assert uncalibrated(margins) == pytest.approx([0.0, 0.5, 1 / (1 + np.exp(-2.0)), 1.0])
