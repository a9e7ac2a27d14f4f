"""A column of a file as the contract's values."""

from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import epoch_seconds
from fraud_detection_api.contract.declaration import FLOAT32_MAX, Dtype
from fraud_detection_api.contract.levels import folded
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.contract.written import (
    MISSING_MARKERS,
    NUMBER_FORMATS,
    PLAINLY,
    TIME_UNITS,
    NumberFormat,
    Written,
)

_TRUE_FALSE = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_WHOLE = r"^[+-]?[0-9]+(\.0*)?$"


def read_column(
    series: pl.Series, dtype: Dtype, written: Written = PLAINLY
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]:
    """The column as in `contract.columns`, with two masks of shape (n,): values not of that dtype, and missing values.

    Texts are read as they are `written`, or plainly; the usual markers are missing values, except of a category.
    """
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        series = series.str.strip_chars()
    absent = _absent(series, dtype, written)
    if dtype == "category":
        column, readable = _as_text(series, absent)
        if written.fold_case:
            column = _folded(column)
            absent = absent | np.isin(column, list(written.missing_levels))
            column[absent] = None
        return column, ~readable & ~absent, absent
    numbers = _as_seconds(series, written) if dtype == "datetime" else _as_numbers(series, dtype, written)
    if written.missing_numbers and dtype != "datetime":
        absent = absent | np.isin(numbers, written.missing_numbers)
    if written.missing and dtype == "datetime":
        moments = [parse_time(text) for text in written.missing]
        absent = absent | np.isin(numbers, [epoch_seconds(moment) for moment in moments if moment is not None])
    unreadable = ~np.isfinite(numbers) & ~absent
    if dtype == "int":
        unreadable |= np.isfinite(numbers) & (numbers != np.trunc(numbers)) & ~absent
    if dtype == "bool":
        unreadable |= np.isfinite(numbers) & (numbers != 0) & (numbers != 1) & ~absent
    return np.where(unreadable | absent, np.nan, numbers), unreadable, absent


def are_markers(texts: pl.Series) -> pl.Series:
    """Whether each stripped text is a usual marker of a missing value; null for null."""
    return texts.str.to_lowercase().is_in(list(MISSING_MARKERS))


def _absent(series: pl.Series, dtype: Dtype, written: Written) -> NDArray[np.bool_]:
    """Missing values of shape (n,), but for those that a number marks."""
    missing = series.is_null()
    if series.dtype.is_float():
        missing |= series.is_nan()
    elif series.dtype == pl.String:
        missing |= series.is_in(["", *written.missing])
        if dtype != "category":
            missing |= are_markers(series)
    return missing.fill_null(value=True).to_numpy()


def _as_text(series: pl.Series, absent: NDArray[np.bool_]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Levels, in Unicode's composed form (NFC), so that the same text is the same level."""
    textual = series.dtype in (pl.String, pl.Boolean) or series.dtype.is_integer()
    text = series.cast(pl.String) if textual else pl.Series([None] * len(series), dtype=pl.String)
    column = _composed(text).to_numpy().astype(object)
    column[absent] = None
    return column, np.full(len(series), textual)


def _composed(text: pl.Series) -> pl.Series:
    """Texts in Unicode's composed form, which ASCII texts have anyway."""
    is_ascii = text.str.len_bytes().sum() == text.str.len_chars().sum()
    return text if is_ascii else text.str.normalize("NFC")


def _folded(column: NDArray[np.object_]) -> NDArray[np.object_]:
    """Levels without a difference between capital and small letters, object (n,)."""
    by_level = {level: folded(level) for level in {*column.tolist()} if level is not None}
    return np.array([by_level.get(level) for level in column.tolist()], dtype=object)


def _as_numbers(series: pl.Series, dtype: Dtype, written: Written) -> NDArray[np.float64]:
    """float64 of shape (n,); NaN where a value is missing or not of the dtype."""
    if series.dtype == pl.String and dtype == "bool":
        series = series.str.to_lowercase().replace_strict(_TRUE_FALSE, default=None, return_dtype=pl.Float64)
    elif series.dtype == pl.String:
        series = plain_numbers(series, NUMBER_FORMATS.get(written.format or "")).cast(pl.Float64, strict=False)
    elif series.dtype.is_numeric():
        series = series.cast(pl.Float64, strict=False)
    elif series.dtype == pl.Boolean and dtype == "bool":
        series = series.cast(pl.Float64)
    else:
        return np.full(len(series), np.nan)
    numbers: NDArray[np.float64] = series.fill_null(np.nan).to_numpy().astype(np.float64)
    return np.where(np.abs(numbers) > FLOAT32_MAX, np.inf, numbers)


def plain_numbers(texts: pl.Series, format_: NumberFormat | None) -> pl.Series:
    """Texts in a number's format as plain numbers; others as they are.

    >>> plain_numbers(pl.Series(["$1,234.50", "(2)", "1.5", "Rs. 3-"]), NUMBER_FORMATS["currency"]).to_list()
    ['1234.50', '-2', '1.5', '-3']
    """
    if format_ is None:
        return texts
    digits = texts.str.replace_all(r"Rs\.|[^0-9.]" if format_.decimal == "." else "[^0-9,]", "").str.replace(",", ".")
    signs = texts.str.contains("[(\u2212-]").replace_strict({True: "-", False: ""}, return_dtype=pl.String)
    return (signs + digits).zip_with(texts.str.contains(format_.pattern).fill_null(value=False), texts)


def _as_seconds(series: pl.Series, written: Written) -> NDArray[np.float64]:
    """float64 of shape (n,), NaN where a value is no time."""
    unit = TIME_UNITS.get(written.format or "")
    if unit is not None and (series.dtype.is_numeric() or series.dtype == pl.String):
        seconds = _in_years_1_to_9999(series.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() * unit)
        return np.where(np.isnan(seconds), _parsed(series, None), seconds) if series.dtype == pl.String else seconds
    if series.dtype.is_numeric() and written.format is not None:  # such as 20251231
        series = series.cast(pl.Int64, strict=False).cast(pl.String)
    if series.dtype == pl.String:
        return _parsed(series, written.format)
    if series.dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    if not isinstance(series.dtype, pl.Datetime):
        return np.full(len(series), np.nan)
    return _seconds_of(series)


def _in_years_1_to_9999(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.where((seconds >= -62_135_596_800) & (seconds < 253_402_300_800), seconds, np.nan)


def _parsed(texts: pl.Series, format_: str | None) -> NDArray[np.float64]:
    """Seconds of ISO 8601 texts, and of others in the format."""
    moments = [None if text is None else parse_time(text) for text in texts.to_list()]
    seconds = np.array([np.nan if moment is None else epoch_seconds(moment) for moment in moments], dtype=np.float64)
    if format_ is None:
        return seconds
    return np.where(np.isnan(seconds), _seconds_of(in_format(texts, format_)), seconds)


def in_format(texts: pl.Series, format_: str) -> pl.Series:
    """Times, null where a text is not in the format. Times with an offset are turned into UTC."""
    has_offset = "%z" in format_ or "%:z" in format_
    times = texts.str.to_datetime(format_, time_unit="us", strict=False, exact=True)
    return times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if has_offset else times


def _seconds_of(times: pl.Series) -> NDArray[np.float64]:
    stamps = times.dt.timestamp("us")
    microseconds = stamps.fill_null(0).to_numpy()
    if (np.abs(microseconds) <= _EXACT).all():
        return np.where(stamps.is_null().to_numpy(), np.nan, microseconds / 1_000_000)
    # Python divides integers exactly, as `epoch_seconds` does; float64 would round microseconds after 2255 twice
    return np.array([np.nan if each is None else each / 1_000_000 for each in stamps.to_list()], dtype=np.float64)


_EXACT = 2**53


def read_ids(
    series: pl.Series, dtype: Literal["int", "str"], written: Written = PLAINLY
) -> tuple[pl.Series, NDArray[np.bool_], NDArray[np.bool_]]:
    """Ids as Int64 or as stripped text in Unicode's composed form (NFC), null for none.

    With two masks of shape (n,): values that are no ids, and missing.

    A whole number may end in `.0`, as programs write it where some are missing.
    """
    text = _composed(series.cast(pl.String).str.strip_chars())
    absent = _absent(text, "category" if dtype == "str" else "int", written)
    if dtype == "str":
        return _where(text, ~absent), np.zeros(len(text), dtype=np.bool_), absent
    numbers = text.str.replace(_POINT_ZERO, "$1").cast(pl.Int64, strict=False)
    return _where(numbers, ~absent), numbers.is_null().to_numpy() & ~absent, absent


def read_entities(
    series: pl.Series, dtype: Literal["int", "str"], written: Written = PLAINLY
) -> tuple[pl.Series, NDArray[np.bool_], NDArray[np.bool_]]:
    """As `read_ids`, for ids that are only told apart: whole numbers may all be pseudonyms, which are read as text."""
    found = read_ids(series, dtype, written)
    is_pseudonym = series.cast(pl.String).str.contains(_PSEUDONYM).fill_null(value=False).to_numpy()
    if dtype == "int" and found[1].any() and (is_pseudonym | found[2]).all():
        return read_ids(series, "str", written)
    return found


_PSEUDONYM = "^[0-9a-f]{32}$"
_POINT_ZERO = r"^([+-]?[0-9]+)\.0*$"


def _where(series: pl.Series, mask: NDArray[np.bool_]) -> pl.Series:
    return series.zip_with(pl.Series(mask), pl.Series([None] * len(series), dtype=series.dtype))
