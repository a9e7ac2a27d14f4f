"""Estimates: numbers with their 95 % intervals."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIGITS = 6


def six_digits(number: float) -> float:
    """The number, rounded.

    >>> six_digits(1 / 3), six_digits(1234567.0)
    (0.333333, 1234570.0)
    """
    return float(f"{number:.{DIGITS}g}")


def all_six_digits(numbers: Iterable[float]) -> list[float]:
    """Each number, rounded.

    >>> all_six_digits([1 / 3, 2])
    [0.333333, 2.0]
    """
    return [six_digits(float(number)) for number in numbers]


Z = 1.959963984540054
"""The normal deviate that leaves 2.5 % on either side."""


class Estimate(NamedTuple):
    """A number and the ends of its 95 % interval."""

    estimate: float
    lower: float
    upper: float

    def as_json(self, name: str) -> dict[str, float]:
        """As JSON: the number by its name, and `low` and `high`."""
        return {name: self.estimate, "low": self.lower, "high": self.upper}

    def named(self, name: str) -> dict[str, float]:
        """As JSON, each number rounded to six digits."""
        return {key: six_digits(number) for key, number in self.as_json(name).items()}

    def suffixed(self, name: str) -> dict[str, float]:
        """As JSON, each number rounded to six digits: the number by its name, and the ends by `name_low`, `name_high`."""
        return {name + end: six_digits(number) for end, number in zip(("", "_low", "_high"), self, strict=True)}

    def within(self, lowest: float, highest: float) -> "Estimate":
        """The same, with an interval that does not leave what is possible."""
        lower, upper = (min(max(end, lowest), highest) for end in (self.lower, self.upper))
        return self._replace(lower=lower, upper=upper)


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


def resamples(count: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """Bootstrap samples of `count` records, without end: how often each record is in one, uint16 (count,)."""
    rng = np.random.default_rng(seed)
    while True:  # an entry is rarely above 10, and narrow numbers are reordered faster
        yield np.bincount(rng.integers(count, size=count), minlength=count).astype(np.uint16)


def bootstrap_estimate(number: float, resampled: NDArray[np.float64], *, tail: float = 0.025) -> Estimate:
    """A number and the percentiles of its bootstrap replicates, float64 (replicates,), less the bootstrap's own bias.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13.
    """
    low, high = np.quantile(resampled, [tail, 1 - tail]) - (resampled.mean() - number)
    return Estimate(number, float(low), float(high))


def percentile_estimate(number: float, resampled: NDArray[np.float64]) -> Estimate:
    """A number and the percentiles of its bootstrap replicates, float64 (replicates,). Source: as above, chapter 13."""
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(number, float(low), float(high))
