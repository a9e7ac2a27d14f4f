"""The chi-square distribution with a whole number of degrees of freedom, exactly: its tail is a finite sum."""

import math
from functools import lru_cache

HALVINGS = 200
"""More than a bisection of float64 ever takes."""


def chi_square_tail(x: float, degrees: int) -> float:
    """Chance that a chi-square variable of that many degrees of freedom exceeds `x`, at least 0.

    All terms are positive, so nothing cancels, however small the tail. Source: Abramowitz and Stegun, "Handbook of
    Mathematical Functions", 1964, 26.4.4 and 26.4.5. Raises ValueError below 1 degree.

    >>> round(chi_square_tail(3.841458820694124, 1), 12), round(chi_square_tail(18.307038053275146, 10), 12)
    (0.05, 0.05)
    """
    if degrees < 1:
        raise ValueError("a chi-square variable has at least 1 degree of freedom")
    if x <= 0:
        return 1.0
    half, odd = x / 2, degrees % 2
    first = 0.5 if odd else 0.0  # powers of x/2: half ones for odd degrees, whole ones for even
    terms = (
        math.exp((i + first) * math.log(half) - half - math.lgamma(i + first + 1)) for i in range((degrees - odd) // 2)
    )
    return min(1.0, math.fsum(terms) + (math.erfc(math.sqrt(half)) if odd else 0.0))


@lru_cache(maxsize=1024)
def chi_square_quantile(tail: float, degrees: int) -> float:
    """The number that a chi-square variable exceeds with chance `tail`, within 0 to 1; to float64's precision.

    Raises ValueError below 1 degree, and for a tail that is no such chance.

    >>> round(chi_square_quantile(0.05, 1), 9), round(chi_square_quantile(1e-9, 20), 6)
    (3.841458821, 83.479124)
    """
    if not 0 < tail < 1:
        raise ValueError("a tail is a chance above 0 and below 1")
    low, high = 0.0, float(degrees)
    while chi_square_tail(high, degrees) > tail:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if chi_square_tail(middle, degrees) > tail else (low, middle)
    return high
