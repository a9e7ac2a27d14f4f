"""What texts of a file are: plain numbers and truths, numbers in disguise, times in other formats."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import polars as pl

from fraud_detection_api.contract.written import NUMBER_FORMATS, TIME_UNITS
from fraud_detection_api.tables.reading import are_markers, in_format

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_WHOLE = r"^[+-]?[0-9]+$"
LEADING_ZERO = r"^[+-]?0[0-9]"
"""Such texts are codes: as numbers, they would lose their zeros."""

_OTHER_COMMA = {
    "thousands": "decimal_comma",
    "percent": "percent_decimal_comma",
    "currency": "currency_decimal_comma",
}
_DATES = {  # by what each may be taken for
    "%m/%d/%Y": "%d/%m/%Y",
    "%d-%m-%Y": "%m-%d-%Y",
    "%d.%m.%Y": "%m.%d.%Y",
    "%m/%d/%y": "%d/%m/%y",
    "%d-%m-%y": "%m-%d-%y",
    "%d.%m.%y": "%m.%d.%y",
}
_CERTAIN_DATES = ("%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d%b%Y", "%b %d, %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_SAMPLE = 100
_YEARS = (1900, 2100)
_EPOCH_RANGE = (946_684_800.0, 4_102_444_800.0)  # from 2000 to 2100
_FEWEST_DAYS = 20
"""Fewer whole numbers may be dates such as 20251231 by accident."""

_TIME_WORDS = ("time", "date", "epoch", "unix", "when", "timestamp")
_TIME_ENDINGS = ("_at", "_ts", "_on", "_day", "_dt")


class Recognized(NamedTuple):
    """A format that all values of a column are in, and another that they might be in; None if there is none."""

    format: str
    other: str | None = None


def present_texts(series: pl.Series) -> pl.Series:
    """The stripped texts that are no usual markers of missing values."""
    texts = series.cast(pl.String).str.strip_chars().drop_nulls()
    return texts.filter(~are_markers(texts))


def with_plain_types(frame: pl.DataFrame) -> pl.DataFrame:
    """A CSV's texts as numbers or truths, where all values of a column are; codes with leading zeros stay text."""
    return frame.with_columns(_plainly_typed(column) for column in frame if column.dtype == pl.String)


def _plainly_typed(texts: pl.Series) -> pl.Series:
    if texts.null_count() == len(texts) or texts.str.contains(LEADING_ZERO).any():
        return texts
    if texts.str.contains(_WHOLE).all():
        numbers = texts.cast(pl.Int64, strict=False)
        return numbers if numbers.null_count() == texts.null_count() else texts
    if texts.str.contains(_NUMBER).all():
        return texts.cast(pl.Float64)
    if texts.is_in(["true", "false"]).all():
        return texts == "true"
    return texts


def number_format(series: pl.Series) -> Recognized | None:
    """The format of a text column of numbers that are not plain ones."""
    texts = present_texts(series)
    if series.dtype != pl.String or not len(texts) or texts.str.contains(_NUMBER).all():
        return None
    fitting = [name for name, each in NUMBER_FORMATS.items() if texts.str.contains(each.pattern).all()]
    if not fitting or texts.str.contains(LEADING_ZERO).any():
        return None
    other = _OTHER_COMMA.get(fitting[0])
    return Recognized(fitting[0], other if other in fitting else None)


def time_format(series: pl.Series, *, is_time: bool = False) -> Recognized | None:
    """The format of a column of times that are not in ISO 8601; `is_time` says that it must be one."""
    if series.dtype.is_float() and (series.is_nan() | (series == series.floor())).all():  # some are missing
        series = series.fill_nan(None).cast(pl.Int64, strict=False)
    if series.dtype.is_integer():
        sounds_so = is_time or _sounds_like_time(series.name)
        return _number_of_time(series.drop_nulls(), sounds_so=sounds_so, is_time=is_time)
    texts = present_texts(series) if series.dtype == pl.String else series.clear()
    fitting = [format_ for format_ in _fitting(texts.head(_SAMPLE)) if _fits(texts, format_)]
    if not fitting:
        return None
    if len(fitting) == 1:
        return Recognized(fitting[0])
    # a file is often in the order of its times
    likely, other = sorted(fitting[:2], key=lambda format_: _steps_back(in_format(texts, format_)))
    return Recognized(likely, other)


def _fitting(sample: pl.Series) -> Iterator[str]:
    if not len(sample):
        return
    dates = [*(each for pair in _DATES.items() for each in pair), *_CERTAIN_DATES]
    yield from (date + clock for date, clock in product(dates, _CLOCKS) if _fits(sample, date + clock))


def _fits(texts: pl.Series, format_: str) -> bool:
    times = in_format(texts, format_)
    years = times.dt.year()
    return not times.null_count() and bool(years.is_between(*_YEARS).all())


def _steps_back(times: pl.Series) -> int:
    return int((np.diff(times.dt.timestamp("us").to_numpy()) < 0).sum())


def _number_of_time(numbers: pl.Series, *, sounds_so: bool, is_time: bool) -> Recognized | None:
    """Seconds or milliseconds since 1970, or dates such as 20251231; another number only where it must be a time."""
    if not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    for unit in ("unix_s", "unix_ms"):
        seconds = TIME_UNITS[unit]
        if sounds_so and _EPOCH_RANGE[0] <= low * seconds and high * seconds <= _EPOCH_RANGE[1]:
            return Recognized(unit)
    if (sounds_so or numbers.n_unique() >= _FEWEST_DAYS) and _fits(numbers.cast(pl.String), "%Y%m%d"):
        return Recognized("%Y%m%d")
    return Recognized("days", "hours") if is_time else None


def _sounds_like_time(name: str) -> bool:
    lower = name.lower()
    return any(word in lower for word in _TIME_WORDS) or lower.endswith(_TIME_ENDINGS)
