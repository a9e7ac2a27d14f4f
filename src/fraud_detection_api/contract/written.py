"""How files write values: the markers of missing ones, and the formats of numbers and times. JSON has its own ways."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fraud_detection_api.contract.levels import folded

MISSING_MARKERS = frozenset(
    ("", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "nil", "\\n", "?", "-", "--", ".")
)
"""What programs write for a missing number, truth or time, in small letters. A text may be one of these words."""

# groups of three digits, or as in India of two before the last: a number in groups has no leading zero
_BLANKS = " \u00a0\u202f\u2009"
_GROUPS = f"(?:[,'\u2019][0-9]{{3}})+|(?:[{_BLANKS}][0-9]{{3}})+"
_COMMA_GROUPS = (
    f"(?:[1-9][0-9]{{0,2}}(?:{_GROUPS})|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|[0-9]+)(?:\\.[0-9]*)?|\\.[0-9]+"
)
_COMMA_DECIMALS = f"(?:[1-9][0-9]{{0,2}}(?:[.'\u2019{_BLANKS}][0-9]{{3}})+|[0-9]+)(?:,[0-9]*)?|,[0-9]+"
CURRENCY = r"(?:[A-Z]{0,3}\p{Sc}|[A-Z]{3}|Rs\.?)"
"""A currency's sign or code, as a regular expression of Rust."""
_BEHIND = r"\s*[-\u2212]"  # a minus, as accounting programs write it


class NumberFormat(NamedTuple):
    """The texts that `pattern`, a regular expression of Rust, matches are numbers whose decimal point is `decimal`.

    They are read as `example` shows.
    """

    pattern: str
    decimal: str
    example: str


def _signed(number: str) -> str:
    return rf"^(?:[+\-\u2212]?(?:{number})|(?:{number}){_BEHIND})$"


def _formats(suffix: str, number: str, decimal: str, shown: str, grouped: str) -> Iterator[tuple[str, NumberFormat]]:
    sign = r"[+\-\u2212]?\s*"
    amount = rf"\(?{sign}(?:{CURRENCY}\s*{sign})?(?:{number})\s*{CURRENCY}?\)?"
    negative = rf"(?:{CURRENCY}\s*)?(?:{number}){_BEHIND}\s*{CURRENCY}?"
    yield f"percent{suffix}", NumberFormat(rf"^{sign}(?:{number})\s*%?$", decimal, f"{shown}% is 12.5")
    yield f"currency{suffix}", NumberFormat(rf"^(?:{amount}|{negative})$", decimal, f"${grouped} is 1234.5")


NUMBER_FORMATS: Mapping[str, NumberFormat] = {
    "thousands": NumberFormat(_signed(_COMMA_GROUPS), ".", "1,234.5 is 1234.5"),
    "decimal_comma": NumberFormat(_signed(_COMMA_DECIMALS), ",", "1.234,5 is 1234.5"),
    **dict(_formats("", _COMMA_GROUPS, ".", "12.5", "1,234.50")),
    **dict(_formats("_decimal_comma", _COMMA_DECIMALS, ",", "12,5", "1.234,50")),
}
"""Formats of an int or a float in a file, by the name that a contract gives."""

TIME_UNITS: Mapping[str, float] = {
    "unix_ns": 0.000_000_001,
    "unix_us": 0.000_001,
    "unix_ms": 0.001,
    "unix_s": 1.0,
    "minutes": 60.0,
    "hours": 3600.0,
    "days": 86_400.0,
}
"""Formats of a time that a file writes as a number since 1970, and the seconds that 1 stands for."""

_DIRECTIVES = re.compile(r"%[-_0]?([A-Za-z%])")
_DATE_DIRECTIVES = ("Yy", "mbBh", "de")


def is_time_format(text: str) -> bool:
    """Whether it is a unit, or a pattern such as `%d/%m/%Y %H:%M` that has a year, a month and a day.

    >>> is_time_format("%d/%m/%Y"), is_time_format("%H:%M"), is_time_format("unix_s")
    (True, False, True)
    """
    directives = "".join(_DIRECTIVES.findall(text))
    return text in TIME_UNITS or all(set(some) & set(directives) for some in _DATE_DIRECTIVES)


class Written(NamedTuple):
    """How files write a column: in a `format`, or plainly; with these texts for missing values, beside the usual ones.

    With `fold_case`, levels of a category and markers of missing ones are compared without regard to case.
    """

    format: str | None = None
    missing: Sequence[str] = ()
    fold_case: bool = False

    @property
    def missing_levels(self) -> frozenset[str]:
        """The markers as levels of a category are read."""
        return frozenset(map(folded, self.missing)) if self.fold_case else frozenset(self.missing)

    @property
    def missing_numbers(self) -> list[float]:
        """The markers that are numbers."""
        return [number for text in self.missing if math.isfinite(number := _number(text))]


PLAINLY = Written()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
