"""What is flagged at each threshold: one pass over sorted probabilities, used by all curves and tables."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
