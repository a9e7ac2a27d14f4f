"""Reliability: how often records of probability p are fraud."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.rounding import six_digits
from fraud_detection_api.training.evidence.intervals import ClassWeights

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
