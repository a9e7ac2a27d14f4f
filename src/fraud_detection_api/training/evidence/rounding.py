"""Evidence is kept to six significant digits: more would be noise, and files of it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

DIGITS = 6


def rounded(number: float) -> float:
    """Six significant digits.

    >>> rounded(0.12345678), rounded(1234567.0)
    (0.123457, 1234570.0)
    """
    return float(f"{number:.{DIGITS}g}")


def rounded_all(numbers: Iterable[float] | NDArray[np.float64]) -> list[float]:
    """Each of them, rounded.

    >>> rounded_all(np.array([1 / 3, 2.0]))
    [0.333333, 2.0]
    """
    return [rounded(float(number)) for number in numbers]
