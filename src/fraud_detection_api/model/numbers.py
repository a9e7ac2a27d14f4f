"""Numbers as people and JSON have them."""

import math

import numpy as np

from fraud_detection_api.decision.decided import Shown
from fraud_detection_api.field_texts import plain_number


def shortest(value: np.float32) -> float:
    """The shortest number that is rounded to `value`.

    >>> shortest(np.float32(0.1))
    0.1
    """
    return float(str(value))  # NumPy's own function takes ten times as long


_FIXED, _THREE_DIGITS, _MOST_WHOLE = 1e-4, 100, 10**16
"""Python's format `g` changes to another notation below the first."""


def readable(value: Shown) -> str:
    """A value as people read it: three significant digits, or more where whole numbers have more.

    >>> [readable(value) for value in (16.20089, 0.0333333, 200000.0, 123456.789, 2, 5e-9, True, "DE")]
    ['16.2', '0.0333', '200,000', '123,457', '2', '0.000000005', 'yes', 'DE']
    """
    if isinstance(value, float):
        size = abs(value)
        if _FIXED <= size < _THREE_DIGITS:
            return f"{value:.3g}"
        return f"{value:,.0f}" if _THREE_DIGITS <= size < _MOST_WHOLE else _readable_extreme(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    # an int, which mypy takes for a float
    return f"{value:,}" if abs(value) < _MOST_WHOLE else plain_number(float(value))  # type: ignore[unreachable]


def _readable_extreme(value: float) -> str:
    """As `readable`, of a number that is large, small or 0."""
    if value.is_integer():
        return plain_number(value)
    return f"{value:.{2 - math.floor(math.log10(abs(value)))}f}".rstrip("0").rstrip(".")
