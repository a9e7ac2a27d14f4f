"""Curves over thresholds: ROC, precision and recall, reliability, scores, and what an alert budget catches."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import Estimate, all_six_digits, six_digits, wilson
from fraud_detection_api.training.evidence.thresholds import ClassWeights, Thresholds

MAX_POINTS = 200


def roc_curve(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> dict[str, list[float]]:
    """False positive rate and recall at falling thresholds, from (0, 0) to (1, 1); at most MAX_POINTS points.

    Arrays are (n,) and hold both classes. Reweighting a class does not change this curve.

    >>> roc_curve(np.array([True, False]), np.array([0.9, 0.1]))
    {'false_positive_rate': [0.0, 0.0, 1.0], 'recall': [0.0, 1.0, 1.0]}
    """
    flagged = Thresholds.of(is_fraud, probability)
    false_positive_rate = np.append(0, flagged.alarms) / flagged.alarms[-1]
    recall = np.append(0, flagged.frauds) / flagged.frauds[-1]
    kept = _thinned(false_positive_rate, recall)
    return {"false_positive_rate": all_six_digits(false_positive_rate[kept]), "recall": all_six_digits(recall[kept])}


def precision_recall_curve(
    is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, list[float]]:
    """Recall and precision at falling thresholds, at most MAX_POINTS points.

    Arrays are (n,) with both classes; `weights` are those of the deployed population. The curve has no point at recall
    0, where nothing is flagged and precision is not defined.
    """
    flagged = Thresholds.of(is_fraud, probability, weights)
    recall = flagged.frauds / flagged.frauds[-1]
    precision = flagged.frauds / flagged.flagged
    kept = _thinned(recall)
    return {"recall": all_six_digits(recall[kept]), "precision": all_six_digits(precision[kept])}


def _thinned(*rising: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the points to keep, evenly spaced along each axis, ends included. Values along an axis never fall."""
    count = len(rising[0])
    if count <= MAX_POINTS:
        return np.arange(count)
    each = MAX_POINTS // len(rising) - 1
    wanted = [np.searchsorted(axis, np.linspace(axis[0], axis[-1], each)) for axis in rising]
    return np.unique(np.concatenate([[0], *wanted, [count - 1]]))


MAX_BINS = 20
ROWS_A_BIN = 30


def reliability(
    is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Bins of equal count, by rising probability: rows, mean probability, and fraud rate with its 95 % interval.

    Arrays are (n,). There are MAX_BINS bins, or fewer so that each has about ROWS_A_BIN rows. Means are weighted, `rows`
    are not. Intervals are Wilson's. Source: Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised
    learning", ICML 2005.
    """
    order = np.argsort(probability, kind="stable")
    classes = ClassWeights.mean(is_fraud, weights)
    bins = max(1, min(MAX_BINS, len(order) // ROWS_A_BIN))
    return [_bin(is_fraud[rows], probability[rows], weights[rows], classes) for rows in np.array_split(order, bins)]


def _bin(
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    weights: NDArray[np.float64],
    classes: ClassWeights,
) -> dict[str, Any]:
    low, high = classes.interval(int(is_fraud.sum()), len(is_fraud))
    return {
        "rows": len(is_fraud),
        "mean_probability": six_digits(float(np.average(probability, weights=weights))),
        "fraud_rate": six_digits(float(np.average(is_fraud, weights=weights))),
        "low": six_digits(low),
        "high": six_digits(high),
    }


ALERT_SHARES = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


def capture_at_budgets(
    is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """For each of ALERT_SHARES, what is caught at the lowest threshold that flags no more than that share.

    Arrays are (n,) with both classes. `alerts` is the number of alerts of a test part of this size in the deployed
    population, and `lift` is precision over the base rate. Intervals are Wilson's, at 95 % and for a fixed threshold.
    Budgets of less than one alert are left out, and those that equal top probabilities exceed at once.
    """
    flagged = Thresholds.of(is_fraud, probability, weights)
    classes = ClassWeights.mean(is_fraud, weights)
    total = flagged.flagged[-1]
    positions = [(share, flagged.last_within(flagged.flagged, share * total)) for share in ALERT_SHARES]
    return [
        {"alert_share": share, **_capture(flagged, at, classes)}
        for share, at in positions
        if at is not None and share * total >= 1 - 1e-9
    ]


def _capture(flagged: Thresholds, at: int, classes: ClassWeights) -> dict[str, float]:
    caught, rows = flagged.fraud_rows[at], flagged.fraud_rows[at] + flagged.alarm_rows[at]
    precision, recall = flagged.frauds[at] / flagged.flagged[at], flagged.frauds[at] / flagged.frauds[-1]
    return {
        "alerts": six_digits(flagged.flagged[at]),
        "threshold": six_digits(flagged.probability[at]),
        **Estimate(precision, *classes.interval(caught, rows)).suffixed("precision"),
        **Estimate(recall, *wilson(caught, flagged.fraud_rows[-1])).suffixed("recall"),
        "lift": six_digits(precision / (flagged.frauds[-1] / flagged.flagged[-1])),
    }
