"""Metrics of a scored test part, weighted so that a bootstrap replicate is one pass over presorted scores."""

from collections.abc import Callable

import numpy as np

from fraud_detection_api.statistics.scored import ScoredTest, Weights

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
    begins = -(-np.arange(CALIBRATION_BINS) * len(weights) // CALIBRATION_BINS)
    filled = np.unique(begins[begins < len(weights)])  # fewer than all bins where there are fewer records
    return float(np.abs(np.add.reduceat(weights * test.error, filled)).sum() / weights.sum())


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
UNBOUNDED = ("log_loss",)
"""The metrics that may exceed 1; none falls below 0."""
