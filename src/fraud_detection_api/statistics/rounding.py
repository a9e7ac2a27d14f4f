"""Numbers for people and files have six significant digits: more would be noise."""

from collections.abc import Iterable

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
