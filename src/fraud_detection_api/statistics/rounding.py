"""What people and files get is rounded to six significant digits: more would be noise."""

DIGITS = 6


def six_digits(number: float) -> float:
    """The number, rounded.

    >>> six_digits(1 / 3), six_digits(1234567.0)
    (0.333333, 1234570.0)
    """
    return float(f"{number:.{DIGITS}g}")
