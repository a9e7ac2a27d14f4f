"""What texts of a file are: plain numbers and truths, numbers in disguise, times in other formats."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import Dtype
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.contract.written import NUMBER_FORMATS, TIME_UNITS
from fraud_detection_api.tables.reading import are_markers, in_format, plain_numbers, read_column

PLAIN_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
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
_WHOLE_TIMES = ("%Y%m%d%H%M%S", "%d-%b-%y %I.%M.%S%.f %p", "%a %b %d %H:%M:%S UTC %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_SAMPLE = 100
_YEARS = (1900, 2100)
_NEVER = 9999  # the year of a day that stands for none
_EPOCH_RANGE = (631_152_000.0, 4_102_444_800.0)  # from 1990 to 2100
_FEWEST_DAYS = 20
"""Fewer whole numbers may be dates such as 20251231 by accident."""

_TIME_WORDS = ("time", "date", "epoch", "unix", "when", "timestamp")
_TIME_ENDINGS = ("_at", "_ts", "_on", "_day", "_dt", "_ms", "_us", "_ns", "_utc")

NEARLY_ALL = 0.8
"""From this share on, values in a format are what the column is about, and the others are strays."""

_NUMBERS_SHARE = 0.9  # levels such as 1, 2, 3, 4+ are plain numbers more often by accident
_GLUED_CODE = r"^(?:[A-Z]{3}[0-9]+|[0-9]+[A-Z]{3})$"  # may be a level such as VIP1 as well as an amount
_KINDS = {"percent": "percentages", "currency": "amounts of money"}
_LOOKS = {  # by a pattern, in small letters
    r"^[+-]?[^a-z]{0,3}[0-9][0-9.,]*\s?[kmb]$": "numbers with K, M or B: write them out in the file",
    r"^[+\-\u2212\uff0d]?[\d.,\uff0c\uff0e]*[\d--0-9][\d.,\uff0c\uff0e]*$": "numbers in other digits than 0 to 9",
    r"^[0-9]{4}[ -]?w[0-9]{1,2}(-?[1-7])?$": "weeks: write a day of each, such as 2025-01-27, to have a time",
    r"^[0-9]{4}[-/.](0?[1-9]|1[0-2])$": "months: write a day of each, such as 2025-01-01, to have a time",
    r"^([0-9]{4}[ /-]?q[1-4]|q[1-4][ /-]?[0-9]{4})$": "quarters: write a day of each, such as 2025-01-01, to have a time",
    r"^0x[0-9a-f]{1,16}$": "hexadecimal numbers: write decimal ones, or declare a category",
    r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?[ap]m)?$": "times of day: write a number of hours, such as 13.5",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[t ][0-9:.]+ ?(?:[a-z]{2,5}|[a-z]+/[a-z_]+)$": (
        "times with the name of a zone: write an offset, such as -05:00, or Z for UTC"
    ),
}
_ISO_SHAPE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[Tt ][0-9])"


class Recognized(NamedTuple):
    """A format that all values of a column are in, and another that they might be in; None if there is none."""

    format: str
    other: str | None = None


class Nearly(NamedTuple):
    """What nearly all values of a column of texts are, with a mask of those that are or are missing.

    The format is None where they need none.
    """

    kind: str
    format: str | None
    fits: pl.Series


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
    if texts.str.contains(PLAIN_NUMBER).all():
        return texts.cast(pl.Float64)
    if texts.is_in(["true", "false"]).all():
        return texts == "true"
    return texts


def number_format(series: pl.Series) -> Recognized | None:
    """The format of a text column of numbers that are not plain ones."""
    texts = present_texts(series)
    if series.dtype != pl.String or not len(texts) or texts.str.contains(PLAIN_NUMBER).all():
        return None
    fitting = [name for name, each in NUMBER_FORMATS.items() if texts.str.contains(each.pattern).all()]
    if not fitting or texts.str.contains(LEADING_ZERO).any():
        return None
    other = _OTHER_COMMA.get(fitting[0])
    readings = [
        plain_numbers(texts, NUMBER_FORMATS[each]).cast(pl.Float64, strict=False)
        for each in (fitting[0], other)
        if each in fitting
    ]
    return Recognized(fitting[0], other if len(readings) == 2 and not readings[0].equals(readings[1]) else None)


def time_format(series: pl.Series, *, is_time: bool = False) -> Recognized | None:
    """The format of a column of times that are not in ISO 8601; `is_time` says that it must be one."""
    if series.dtype.is_float():
        series = series.fill_nan(None).drop_nulls()
        if (series == series.floor()).all():  # some are missing
            series = series.cast(pl.Int64, strict=False)
    if series.dtype.is_numeric():
        sounds_so = is_time or sounds_like_time(series.name)
        return _number_of_time(series.drop_nulls(), sounds_so=sounds_so, is_time=is_time)
    texts = present_texts(series) if series.dtype == pl.String else pl.Series(dtype=pl.String)
    texts = texts.filter(~are_iso(texts))
    sample = texts.head(_SAMPLE)
    return _likely(
        texts, [each for each in _time_formats() if len(texts) and _fits(sample, each) and _fits(texts, each)]
    )


def _likely(texts: pl.Series, fitting: Sequence[str]) -> Recognized | None:
    """The format, of those that fit, in which the times are most in order, as files often are; and another reading."""
    readings: dict[str, pl.Series] = {}
    for format_ in fitting:
        times = in_format(texts, format_)
        if not any(times.equals(each) for each in readings.values()):
            readings[format_] = times
    likely = sorted(readings, key=lambda format_: _steps_back(readings[format_].drop_nulls()))
    return Recognized(*likely[:2]) if likely else None


def are_iso(texts: pl.Series) -> pl.Series:
    """Whether each text is a time in ISO 8601."""
    shaped = texts.str.contains(_ISO_SHAPE).fill_null(value=False)
    if not shaped.any():
        return shaped
    return pl.Series([has and parse_time(text) is not None for text, has in zip(texts, shaped, strict=True)])


def nearly_all(series: pl.Series) -> Nearly | None:
    """What nearly all values of a text column are, but not all."""
    texts = series.cast(pl.String).str.strip_chars()
    absent = texts.is_null() | are_markers(texts).fill_null(value=False)
    count = len(texts) - int(absent.sum())
    if series.dtype != pl.String or not count or texts.str.contains(LEADING_ZERO).any():
        return None if series.dtype != pl.String or not count else _nearly_times(texts, absent)
    plain = texts.str.contains(PLAIN_NUMBER).fill_null(value=False)
    shows_none = plain | texts.str.contains(_GLUED_CODE).fill_null(value=False)
    found = [Nearly("numbers", None, plain)] if plain.sum() >= _NUMBERS_SHARE * count else []
    for name, each in NUMBER_FORMATS.items():
        fits = texts.str.contains(each.pattern).fill_null(value=False)
        if fits.sum() >= NEARLY_ALL * count and (fits & ~shows_none).any():
            found.append(Nearly(_KINDS.get(name.removesuffix("_decimal_comma"), "numbers"), name, fits | plain))
    if found:
        best = max(found, key=lambda each: int(each.fits.sum()))
        return best._replace(fits=best.fits | absent)
    return _nearly_times(texts, absent)


def _nearly_times(texts: pl.Series, absent: pl.Series) -> Nearly | None:
    nearest = nearest_times(texts, absent)
    if nearest is None or int((nearest.fits & ~absent).sum()) < NEARLY_ALL * int((~absent).sum()):
        return None
    return nearest


def nearest_times(texts: pl.Series, absent: pl.Series) -> Nearly | None:
    """The form of time that most texts, which are stripped, have; None where none has one."""
    iso = are_iso(texts)
    others = texts.filter(~iso & ~absent)
    sample = others.gather_every(max(1, len(others) // _SAMPLE))
    formats = sorted(_time_formats(), key=lambda each: -int(_times_in(sample, each).sum())) if len(sample) else []
    best = [each for each in formats[:_NEAREST] if _times_in(sample, each).any()]
    counts = {each: int(_times_in(others, each).sum()) for each in best}
    if not counts:
        return Nearly("times", None, iso | absent) if iso.any() else None
    likely = _likely(others, [each for each in best if counts[each] == max(counts.values())])
    assert likely is not None
    return Nearly("times", likely.format, _times_in(texts, likely.format) | iso | absent)


_NEAREST = 6


def unreadable_kind(series: pl.Series) -> str | None:
    """What nearly all values of a text column are, where it is something that no format reads, and what to do."""
    texts = present_texts(series).str.to_lowercase()
    enough = max(1, NEARLY_ALL * len(texts))
    return next((kind for pattern, kind in _LOOKS.items() if texts.str.contains(pattern).sum() >= enough), None)


def _time_formats() -> Iterator[str]:
    dates = [*(each for pair in _DATES.items() for each in pair), *_CERTAIN_DATES]
    yield from (date + clock for date, clock in product(dates, _CLOCKS))
    yield from _WHOLE_TIMES


def _fits(texts: pl.Series, format_: str) -> bool:
    return bool(_times_in(texts, format_).all())


def _times_in(texts: pl.Series, format_: str) -> pl.Series:
    """Whether each text is a time of our days in the format."""
    years = in_format(texts, format_).dt.year()
    return (years.is_between(*_YEARS) | (years == _NEVER)).fill_null(value=False)


def _steps_back(times: pl.Series) -> int:
    return int((np.diff(times.dt.timestamp("us").to_numpy()) < 0).sum())


def _number_of_time(numbers: pl.Series, *, sounds_so: bool, is_time: bool) -> Recognized | None:
    """Seconds or milliseconds since 1970, or dates such as 20251231; another number only where it must be a time."""
    if not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    for unit in ("unix_s", "unix_ms", "unix_us", "unix_ns"):
        seconds = TIME_UNITS[unit]
        if sounds_so and _EPOCH_RANGE[0] <= low * seconds and high * seconds <= _EPOCH_RANGE[1]:
            return Recognized(unit)
    if numbers.dtype.is_integer() and (sounds_so or numbers.n_unique() >= _FEWEST_DAYS):
        texts = numbers.cast(pl.String)
        for format_ in ("%Y%m%d", "%Y%m%d%H%M%S"):
            if _fits(texts, format_):
                return Recognized(format_)
    return Recognized("days", "hours") if is_time else None


def sounds_like_time(name: str) -> bool:
    """Whether a column's name says that it has times."""
    lower = name.lower()
    return any(word in lower for word in _TIME_WORDS) or lower.endswith(_TIME_ENDINGS)


def as_read(series: pl.Series) -> pl.Series:
    """The column as training will read it: Decimal as float, and text that only blanks or markers made text by its values.

    Other text stays text: a CSV's numbers have been recognized already, and a typed file means its types.
    """
    if series.dtype.is_decimal():
        return series.cast(pl.Float64)
    if series.dtype != pl.String:
        return series
    texts = present_texts(series)
    if not len(texts) or (len(texts) == len(series.drop_nulls()) and (texts == series.drop_nulls()).all()):
        return series
    if texts.str.to_lowercase().is_in(["true", "false"]).all():
        return _values(series, "bool").cast(pl.Boolean)
    if texts.str.contains(LEADING_ZERO).any() or read_column(texts, "float")[1].any():
        return series
    whole = texts.cast(pl.Int64, strict=False).is_not_null().all()
    return _values(series, "float").cast(pl.Int64 if whole else pl.Float64)


def _values(series: pl.Series, dtype: Dtype) -> pl.Series:
    return pl.Series(series.name, read_column(series, dtype)[0], nan_to_null=True)


def present_values(series: pl.Series) -> pl.Series:
    """The values that are not missing, in the sense of `read_column` for a category."""
    if series.dtype.is_float():
        return series.filter(series.is_not_nan())
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        text = series.cast(pl.String).str.strip_chars()
        return text.filter(text != "")
    return series.drop_nulls()


def by_count(present: pl.Series) -> list[Any]:
    """The different values, the most frequent first; equally frequent ones in order, so that a draft is reproducible."""
    counts = present.alias("value").value_counts()
    return counts.sort("count", "value", descending=[True, False])["value"].to_list()
