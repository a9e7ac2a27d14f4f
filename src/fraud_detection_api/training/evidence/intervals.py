"""95 % intervals of shares, and of shares of reweighted records."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054
"""The normal deviate that leaves 2.5 % on either side."""


def wilson(successes: float, trials: float) -> tuple[float, float]:
    """Low and high end of the 95 % interval of a share; (0, 1) where there are no trials.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927. It holds for
    few successes too, unlike the share plus or minus its standard error.

    >>> [round(end, 4) for end in wilson(5, 100)]
    [0.0215, 0.1118]
    """
    if trials <= 0:
        return 0.0, 1.0
    share, square = successes / trials, Z * Z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """How many records of the deployed population a fraud, and an honest record, of the test part stands for."""

    fraud: float = 1.0
    honest: float = 1.0

    @classmethod
    def mean(cls, is_fraud: NDArray[np.bool_], weights: NDArray[np.float64]) -> "ClassWeights":
        """Mean weight of each class; 1 for a class without records. Prior-shift weights are constant in a class."""
        fraud, honest = weights[is_fraud], weights[~is_fraud]
        return cls(float(fraud.mean()) if fraud.size else 1.0, float(honest.mean()) if honest.size else 1.0)

    def share(self, share: float) -> float:
        """Share of fraud in the deployed population where `share` of the test part's records are fraud.

        >>> round(ClassWeights(fraud=0.02, honest=1.98).share(0.5), 6)
        0.01
        """
        fraud, honest = self.fraud * share, self.honest * (1 - share)
        return fraud / (fraud + honest) if fraud + honest > 0 else 0.0

    def interval(self, frauds: float, rows: float) -> tuple[float, float]:
        """Wilson's interval of the test part's share, both ends carried over to the deployed population."""
        low, high = wilson(frauds, rows)
        return self.share(low), self.share(high)
