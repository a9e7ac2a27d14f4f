"""What is flagged at each threshold: one pass over sorted probabilities, used by all curves and tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import all_six_digits, wilson
from fraud_detection_api.statistics.scored import ScoredTest


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Counts of the records at or above each distinct probability, from the highest down; arrays are (thresholds,).

    `frauds` and `alarms` (flagged legitimate records) are float64 sums of weights; `fraud_rows` and `alarm_rows`
    are the numbers of records.
    """

    probability: NDArray[np.float64]
    frauds: NDArray[np.float64]
    alarms: NDArray[np.float64]
    fraud_rows: NDArray[np.float64]
    alarm_rows: NDArray[np.float64]

    @classmethod
    def of(
        cls, is_fraud: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64] | None = None
    ) -> "Thresholds":
        """Thresholds of a test part; arrays are (n,), and without `weights` every record counts once."""
        test = ScoredTest.sort(is_fraud, probability)
        fraud_rows, alarm_rows = test.caught(np.ones(len(is_fraud)))
        frauds, alarms = fraud_rows, alarm_rows
        if weights is not None:
            frauds, alarms = test.caught(weights[test.order])
        return cls(test.probability[test.group_ends], frauds, alarms, fraud_rows, alarm_rows)

    @property
    def flagged(self) -> NDArray[np.float64]:
        """Weight of all flagged records."""
        return self.frauds + self.alarms

    def last_within(self, amounts: NDArray[np.float64], allowed: float) -> int | None:
        """Index of the lowest threshold at which `amounts`, which never fall, are at most `allowed`."""
        within = np.flatnonzero(amounts <= allowed * (1 + 1e-12))  # a share times a count is not always exact
        return int(within[-1]) if within.size else None


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """How many records of the deployed population each fraud and each legitimate record of the test part stands for."""

    fraud: float = 1.0
    legitimate: float = 1.0

    @classmethod
    def mean(cls, is_fraud: NDArray[np.bool_], weights: NDArray[np.float64]) -> "ClassWeights":
        """Mean weight of each class; 1 for a class without records. Prior-shift weights are constant in a class."""
        fraud, legitimate = weights[is_fraud], weights[~is_fraud]
        return cls(float(fraud.mean()) if fraud.size else 1.0, float(legitimate.mean()) if legitimate.size else 1.0)

    def share(self, share: float) -> float:
        """Share of fraud in the deployed population where `share` of the test part's records are fraud.

        >>> round(ClassWeights(fraud=0.02, legitimate=1.98).share(0.5), 6)
        0.01
        """
        fraud, legitimate = self.fraud * share, self.legitimate * (1 - share)
        return fraud / (fraud + legitimate) if fraud + legitimate > 0 else 0.0

    def interval(self, frauds: float, rows: float) -> tuple[float, float]:
        """Wilson's interval of the test part's share, converted to the deployed population."""
        low, high = wilson(frauds, rows)
        return self.share(low), self.share(high)


BINS = 40
FURTHEST = 9.0
"""Log-odds beyond which probabilities (below 0.012 %, above 99.988 %) go into the outermost bins."""


def score_histogram(is_fraud: NDArray[np.bool_], probability: NDArray[np.float64]) -> dict[str, Any]:
    """`edges` (bins + 1) as probabilities, and the numbers of `legitimate` and `fraud` records in each bin.

    Arrays are (n,). Edges are evenly spaced in log-odds, because most fraud probabilities are near 0.
    """
    margins = log_odds(probability)
    low, high = np.floor(2 * margins.min()) / 2, np.ceil(2 * margins.max()) / 2
    edges = np.linspace(low, high if high > low else low + 0.5, BINS + 1)
    return {
        "edges": all_six_digits(1 / (1 + np.exp(-edges))),
        "legitimate": np.histogram(margins[~is_fraud], edges)[0].tolist(),
        "fraud": np.histogram(margins[is_fraud], edges)[0].tolist(),
    }


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural log-odds, limited to plus or minus FURTHEST.

    >>> log_odds(np.array([0.0, 0.5]))
    array([-9.,  0.])
    """
    with np.errstate(divide="ignore"):
        margins = np.log(probability) - np.log1p(-probability)
    return np.asarray(np.clip(margins, -FURTHEST, FURTHEST), dtype=np.float64)
