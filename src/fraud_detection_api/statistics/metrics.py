"""Metrics of a scored test part, weighted so that a bootstrap replicate is one pass over presorted scores."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import Estimate, Z, bootstrap_estimate, wilson
from fraud_detection_api.statistics.scored import REPLICATES, ScoredTest, Weights

CALIBRATION_BINS = 20
TOP_K = 100

Metric = Callable[[ScoredTest, Weights], float]


def roc_auc(test: ScoredTest, weights: Weights) -> float:
    """Area under the ROC curve, ties counted half (trapezoids)."""
    frauds, alarms = test.caught_at_bends(weights)
    return float(np.trapezoid(np.append(0, frauds), np.append(0, alarms)) / (frauds[-1] * alarms[-1]))


def average_precision(test: ScoredTest, weights: Weights) -> float:
    """Precision at each threshold, weighted by the recall that it adds; no interpolation."""
    frauds, alarms = test.caught_at_bends(weights)
    flagged = frauds + alarms
    precision = np.divide(frauds, flagged, out=np.ones_like(frauds), where=flagged > 0)
    return float(np.sum(np.diff(frauds, prepend=0) * precision) / frauds[-1])


def expected_calibration_error(test: ScoredTest, weights: Weights) -> float:
    """Mean |fraud rate - mean probability| over CALIBRATION_BINS bins of equal count.

    Source: Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; bins of equal
    count, because fraud probabilities crowd near 0. Small tests overstate it: noise in a bin counts as error.
    """
    return float(np.abs(bin_sums(weights * test.error)).sum() / weights.sum())


def bin_sums(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over CALIBRATION_BINS runs of equal length, fewer where there are fewer numbers."""
    begins = -(-np.arange(CALIBRATION_BINS) * len(numbers) // CALIBRATION_BINS)
    return np.asarray(np.add.reduceat(numbers, np.unique(begins[begins < len(numbers)])), dtype=np.float64)


def recall_at_fpr(share: float) -> Metric:
    """Share of frauds caught at the lowest threshold whose false positive rate is at most `share`."""

    def recall(test: ScoredTest, weights: Weights) -> float:
        frauds, alarms = test.caught_at_bends(weights)
        allowed = np.flatnonzero(alarms <= share * alarms[-1])
        return float(frauds[allowed[-1]] / frauds[-1]) if allowed.size else 0.0

    return recall


def precision_at_top(test: ScoredTest, weights: Weights) -> float:
    """Share of frauds among the TOP_K records of highest probability (all records, where there are fewer)."""
    frauds, alarms = test.caught_at_bends(weights)
    full = min(int(np.searchsorted(frauds + alarms, TOP_K)), len(test.bends) - 1)
    top = weights[: test.bends[full] + 1]
    taken = np.clip(TOP_K - (np.cumsum(top) - top), 0, top)
    return float(np.sum(taken * test.is_fraud[: len(top)]) / np.sum(taken))


def brier(test: ScoredTest, weights: Weights) -> float:
    """Mean squared difference between probability and outcome."""
    return float(np.average(test.error**2, weights=weights))


def log_loss(test: ScoredTest, weights: Weights) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(-np.average(test.log_likelihood, weights=weights))


METRICS: dict[str, Metric] = {
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "recall_at_1pct_fpr": recall_at_fpr(0.01),
    "recall_at_5pct_fpr": recall_at_fpr(0.05),
    f"precision_at_top_{TOP_K}": precision_at_top,
    "brier": brier,
    "log_loss": log_loss,
    "expected_calibration_error": expected_calibration_error,
}
OF_ANY = ("brier", "log_loss", "expected_calibration_error")
"""The metrics that are defined for records of one class, too."""

UNBOUNDED = ("log_loss",)
"""The metrics that may exceed 1; none falls below 0."""


_LEAST = 1e-9
_STEPS = 50


def calibration_error(test: ScoredTest, *, seed: int = 0) -> Estimate:
    """`expected_calibration_error`, with a bootstrap interval: a bin's sum of errors is normal over samples of its records.

    It is above 0 by chance alone, see `calibration_error_by_chance`.
    """
    sums, squares = bin_sums(test.error), bin_sums(test.error**2)
    drawn = np.random.default_rng(seed).standard_normal((REPLICATES, len(sums)))
    resampled = np.abs(sums + np.sqrt(squares) * drawn).sum(axis=1) / len(test.error)
    number = expected_calibration_error(test, np.ones(len(test.error)))
    return bootstrap_estimate(number, resampled).within(0.0, 1.0)


def calibration_error_by_chance(test: ScoredTest) -> float:
    """The calibration error to expect of so many records were every probability right: mean |normal| of each bin."""
    spread = np.sqrt(bin_sums(test.probability * (1 - test.probability)))
    return float(math.sqrt(2 / math.pi) * spread.sum() / len(test.error))


def observed_to_expected(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> Estimate | None:
    """Frauds over the sum of probabilities, arrays (n,): 1 where both agree, above it where frauds were underestimated.

    Wilson's interval of the share of fraud; None where the probabilities' sum is 0.
    """
    expected = float(probability.mean()) if len(probability) else 0.0
    if expected <= 0:
        return None
    low, high = wilson(int(is_fraud.sum()), len(is_fraud))
    return Estimate(float(is_fraud.mean()) / expected, low / expected, high / expected)


def calibration_slope(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> Estimate | None:
    """Slope of a logistic regression of the outcome on the log-odds, arrays (n,): 1 where they spread as they should.

    Below 1 high probabilities are too high and low ones too low (overconfidence). None where it does not exist: one class
    alone, classes that the scores part, or one score for all. Source: Cox, "Two further applications of a model for binary
    regression", Biometrika 45, 1958; fitted by Newton's steps, the interval by the information matrix.
    """
    clipped = np.clip(probability, _LEAST, 1 - _LEAST)
    log_odds = np.log(clipped / (1 - clipped))
    share = float(np.clip(is_fraud.mean(), _LEAST, 1 - _LEAST))
    fitted = np.array([math.log(share / (1 - share)), 0.0])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(fitted[0] + fitted[1] * log_odds, -500, 500)))
        weight = chance * (1 - chance)
        cross = float(weight @ log_odds)
        information = np.array([[float(weight.sum()), cross], [cross, float(weight @ log_odds**2)]])
        if np.linalg.det(information) <= _LEAST * information[0, 0] * information[1, 1]:
            return None
        error = is_fraud - chance
        step = np.linalg.solve(information, np.array([error.sum(), error @ log_odds]))
        fitted = fitted + step
        if float(np.abs(step).max()) < 1e-8:
            half = Z * math.sqrt(float(np.linalg.inv(information)[1, 1]))
            return Estimate(float(fitted[1]), float(fitted[1]) - half, float(fitted[1]) + half)
    return None
