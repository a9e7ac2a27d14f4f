"""Estimates: numbers with their 95 % intervals."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.statistics.rounding import six_digits

Z = 1.959963984540054
"""The normal deviate that leaves 2.5 % on either side."""


class Estimate(NamedTuple):
    """A number and the ends of its 95 % interval."""

    estimate: float
    lower: float
    upper: float

    def named(self, name: str) -> dict[str, float]:
        """As JSON, rounded: the number by its name, and `low` and `high`."""
        return {name: six_digits(self.estimate), "low": six_digits(self.lower), "high": six_digits(self.upper)}

    def within(self, lowest: float, highest: float) -> "Estimate":
        """The same, with an interval that does not leave what is possible."""
        return self._replace(lower=max(self.lower, lowest), upper=min(self.upper, highest))


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


def share_estimate(successes: float, trials: float) -> Estimate | None:
    """A share and its interval by Wilson; None where there are no trials."""
    return Estimate(successes / trials, *wilson(successes, trials)) if trials > 0 else None


def mean_estimate(numbers: NDArray[np.float64]) -> Estimate:
    """Mean of numbers, float64 (n,) with n above 0, and 1.96 of its standard errors on either side."""
    mean, error = float(numbers.mean()), float(numbers.std()) / math.sqrt(len(numbers))
    return Estimate(mean, mean - Z * error, mean + Z * error)


def bootstrap_estimate(number: float, resampled: NDArray[np.float64]) -> Estimate:
    """A number and the percentiles of its bootstrap replicates, float64 (replicates,), less the bootstrap's own bias.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13.
    """
    low, high = np.quantile(resampled, [0.025, 0.975]) - (resampled.mean() - number)
    return Estimate(number, float(low), float(high))


def percentile_estimate(number: float, resampled: NDArray[np.float64]) -> Estimate:
    """A number and the percentiles of its bootstrap replicates, float64 (replicates,). Source: as above, chapter 13."""
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(number, float(low), float(high))
