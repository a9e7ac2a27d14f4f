"""95 % intervals of shares of reweighted records."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.estimates import wilson


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
