"""ROC and precision-recall curves, reduced to as many points as a plot can show."""

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.rounding import all_six_digits
from fraud_detection_api.training.evidence.thresholds import Thresholds

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
