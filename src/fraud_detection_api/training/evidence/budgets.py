"""What a team catches that can check a given share of the records."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import wilson
from fraud_detection_api.statistics.rounding import six_digits
from fraud_detection_api.training.evidence.intervals import ClassWeights
from fraud_detection_api.training.evidence.thresholds import Thresholds

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
    precision = flagged.frauds[at] / flagged.flagged[at]
    precision_low, precision_high = classes.interval(caught, rows)
    recall_low, recall_high = wilson(caught, flagged.fraud_rows[-1])
    base_rate = flagged.frauds[-1] / flagged.flagged[-1]
    figures = {
        "alerts": flagged.flagged[at],
        "threshold": flagged.probability[at],
        "precision": precision,
        "precision_low": precision_low,
        "precision_high": precision_high,
        "recall": flagged.frauds[at] / flagged.frauds[-1],
        "recall_low": recall_low,
        "recall_high": recall_high,
        "lift": precision / base_rate,
    }
    return {name: six_digits(figure) for name, figure in figures.items()}
