"""Numbers as people read them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from fraud_detection_api.contract.times import names_a_year, year_text
from fraud_detection_api.report.document import FRAUD, Words

_LARGE = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def count(number: float) -> str:
    """A number of things.

    >>> count(100000.0)
    '100,000'
    """
    return f"{number:,.0f}"


def number(figure: float) -> str:
    """Any number, with three digits.

    >>> number(0), number(0.123456), number(45678.9), number(-2.5e6), number(3.0), number(1e-9)
    ('0', '0.123', '45,679', '-2.5 million', '3', '1e-09')
    """
    size = abs(figure)
    for unit, name in _LARGE:
        if unit <= size < 1e15:
            return f"{figure / unit:.3g} {name}"
    if figure and not 1e-4 <= size < 1e15:
        return f"{figure:.2g}"
    if size >= 100 or float(figure).is_integer():
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def decimal(figure: float) -> str:
    """A measure without a unit.

    >>> decimal(0.94651)
    '0.9465'
    """
    return f"{figure:.4f}"


def shown_difference(of: float, over: float) -> float:
    """How much higher a measure is than another one, as `decimal` shows both: a reader who subtracts finds the same.

    >>> decimal(0.71344), decimal(0.71306), f"{shown_difference(0.71344, 0.71306):+.4f}"
    ('0.7134', '0.7131', '+0.0003')
    """
    return round(of, 4) - round(over, 4)


def percent(share: float) -> str:
    """A share, or a difference of shares.

    >>> percent(0.4912), percent(0.0017), percent(0), percent(1)
    ('49.1 %', '0.17 %', '0 %', '100 %')
    """
    return f"{_percents(share, _decimals(share))} %"


def percent_with_interval(share: float, low: float, high: float) -> str:
    """A share and its interval.

    >>> percent_with_interval(0.4912, 0.4557, 0.5304)
    '49.1 % (45.6 to 53.0 %)'
    """
    return f"{percent(share)} ({percent_range(low, high)})"


def percent_range(low: float, high: float) -> str:
    """An interval of shares.

    >>> percent_range(-0.001, 0.0206)
    '-0.1 to 2.1 %'
    """
    decimals = _decimals(max(abs(low), abs(high)))
    return f"{_percents(low, decimals)} to {_percents(high, decimals)} %"


def range_of(low: float, high: float) -> str:
    """An interval of a measure without a unit.

    >>> range_of(0.93981, 0.95219)
    '0.9398 to 0.9522'
    """
    return f"{decimal(low)} to {decimal(high)}"


def date(seconds: float) -> str:
    """A day, from seconds since 1970 in UTC; beyond the calendar, the number.

    >>> date(86400.0)
    '1970-01-02'
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return number(seconds)


def value_text(value: float, dtype: str) -> str:
    """A value of a column of that dtype: a `datetime`, a `year`, or a number.

    >>> value_text(2015.0, "year"), value_text(2015.0, "int"), value_text(0.0, "datetime")
    ('2015', '2,015', '1970-01-01')
    """
    if dtype == "datetime":
        return date(value)
    return (year_text(value) if dtype == YEAR else None) or number(value)


YEAR = "year"


def shown_dtype(column: str, dtypes: Mapping[str, str]) -> str:
    """The dtype by which a column's values are written: its own, or `year` where its name says that it holds years."""
    return YEAR if names_a_year(column) else dtypes.get(column, "")


def listed(names: list[str], most: int) -> str:
    """The first names, and how many are left out.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _decimals(share: float) -> int:
    size = abs(share) * 100
    return 1 if size >= 1 else 2 if size >= 0.1 else 3


def _percents(share: float, decimals: int) -> str:
    if share in (0, 1):
        return f"{share * 100:.0f}"
    text = f"{share * 100:.{decimals}f}"
    return "0" if not float(text) else text


MONITORED = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "recall": "{events} that were reviewed or declined",
    "precision": "{events} among those reviewed or declined",
    "decline_recall": "{events} that were declined",
    "decline_precision": "{events} among those declined",
    "calibration_error": "calibration error",
    "calibration_slope": "calibration slope",
    "observed_to_expected": "observed {events} over expected",
}
"""Measures of stored decisions, in the order in which they are shown."""

_TEXTS = MONITORED | {
    "recall_at_1pct_fpr": "recall at 1 % false positives",
    "recall_at_5pct_fpr": "recall at 5 % false positives",
    "precision_at_top_100": "precision of the top 100",
    "brier": "Brier score",
    "log_loss": "log loss, nats",
    "expected_calibration_error": "expected calibration error",
}


def measure_text(name: str, words: Words = FRAUD) -> str:
    """A measure in words.

    >>> measure_text("roc_auc"), measure_text("recall"), measure_text("some_other")
    ('ROC AUC', 'frauds that were reviewed or declined', 'some other')
    """
    return _TEXTS.get(name, name.replace("_", " ")).format(events=words.events)
