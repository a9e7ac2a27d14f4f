"""Columns of a data frame, checked against the contract. Problems give counts and row numbers, never values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import constraint_violations, epoch_seconds
from fraud_detection_api.contract.declaration import (
    FLOAT32_MAX,
    MAX_TEXT,
    Constraint,
    Contract,
    Dtype,
    Feature,
)
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.field_texts import plain_number

ROWS_SHOWN = 5

_ACCEPTED = {
    "int": "whole numbers",
    "float": "numbers",
    "bool": "true or false (or 1 and 0)",
    "category": "text",
    "datetime": "ISO 8601 times",
}
_TRUE_FALSE = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


@dataclass
class TableCheck:
    """The checked columns of a table, and for each problem the rows that have it (none for a missing column)."""

    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    bad_rows: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """A line for each problem: the count of its rows and the first of them, never values."""
        return problem_texts(self.bad_rows)

    def typed(self, frame: pl.DataFrame, contract: Contract) -> list[pl.Series]:
        """The checked columns of a CSV's `frame`, in the types of `column_types`, null for missing."""
        types = column_types(contract)
        columns = [column for column in self.features(contract) if column.name in frame.columns]
        identifier = contract.identifier
        if identifier is not None and identifier.name in frame.columns:
            columns.append(frame[identifier.name].str.strip_chars().cast(types[identifier.name]))
        return columns

    def features(self, contract: Contract) -> list[pl.Series]:
        """The checked columns in the types of `column_types`, null for missing."""
        types = column_types(contract)
        return [_typed(name, column, types[name]) for name, column in self.columns.items()]


_TYPES: dict[str, pl.DataType] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "category": pl.String(),
    "datetime": pl.Datetime("us", "UTC"),
    "str": pl.String(),
}


def column_types(contract: Contract) -> dict[str, pl.DataType]:
    """The Polars type of each column of a record."""
    types = {name: _TYPES[feature.dtype] for name, feature in contract.features.items()}
    if contract.identifier is not None:
        types[contract.identifier.name] = _TYPES[contract.identifier.dtype]
    if contract.time is not None:
        types[contract.time.name] = _TYPES["datetime"]
    return types


def identifier_problems(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> list[str]:
    """The problems of the id column, which scoring passes through. A file need not have one."""
    identifier = contract.identifier
    if identifier is None or identifier.name not in frame.columns:
        return []
    text = frame[identifier.name].cast(pl.String).str.strip_chars()
    broken = text.cast(pl.Int64, strict=False).is_null() if identifier.dtype == "int" else text.fill_null("") == ""
    kind = "a whole number" if identifier.dtype == "int" else "text"
    return problem_texts(_found(f"{identifier.name} must be {kind} and not empty", broken.to_numpy(), first_row))


def _typed(name: str, column: NDArray[Any], dtype: pl.DataType) -> pl.Series:
    if column.dtype == object:
        return pl.Series(name, column.tolist(), dtype=pl.String)
    series = pl.Series(name, column).fill_nan(None)
    return (series * 1e6).round().cast(pl.Int64).cast(dtype) if dtype == _TYPES["datetime"] else series.cast(dtype)


def check_table(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> TableCheck:
    """Check and convert the contract's columns of `frame`, and ignore all others.

    Text columns, as of a CSV, are read as the declared dtype. Rows are numbered from `first_row`.
    """
    check = TableCheck()
    for name, feature in contract.features.items():
        _check_column(check, frame, name, feature, first_row)
    if contract.time is not None and contract.time.name in frame.columns:
        _check_column(check, frame, contract.time.name, Feature(dtype="datetime", nullable=True), first_row)
    elif contract.time is not None:
        check.columns[contract.time.name] = np.full(frame.height, np.nan)
    if not check.bad_rows:
        for name, broken in constraint_violations(contract, check.columns).items():
            check.bad_rows |= _found(constraint_problem(contract.constraints[name]), broken, first_row)
    return check


def constraint_problem(constraint: Constraint) -> str:
    """The problem of rows that break a constraint."""
    return f"{constraint.field} {constraint.message}"


def _check_column(check: TableCheck, frame: pl.DataFrame, name: str, feature: Feature, first_row: int) -> None:
    if name not in frame.columns:
        check.bad_rows[f"column {name!r} is missing"] = np.empty(0, dtype=np.int64)
        return
    column, unreadable, missing = read_column(frame[name], feature.dtype)
    bad_rows = _found(f"{name} must be {_ACCEPTED[feature.dtype]}", unreadable, first_row)
    if not feature.nullable:
        bad_rows |= _found(f"{name} is empty and the contract does not say nullable = true", missing, first_row)
    if feature.dtype in ("int", "float"):
        bounds = f"{plain_number(feature.lower)} to {plain_number(feature.upper)}"
        with np.errstate(invalid="ignore"):
            outside = (column < feature.lower) | (column > feature.upper)
        bad_rows |= _found(f"{name} must be within {bounds}", outside, first_row)
    if feature.dtype == "category":
        too_long = np.array([level is not None and len(level) > MAX_TEXT for level in column], dtype=np.bool_)
        bad_rows |= _found(f"{name} must be at most {MAX_TEXT} characters", too_long, first_row)
    check.bad_rows |= bad_rows
    check.columns[name] = column


def read_column(series: pl.Series, dtype: Dtype) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]:
    """The column as in `contract.columns`, with two masks of shape (n,): values not of that dtype, and missing values."""
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    missing = series.is_null() | (series.is_nan() if series.dtype.is_float() else False)
    if series.dtype == pl.String:
        series = series.str.strip_chars()
        missing = series.is_null() | (series == "")
        if dtype in ("int", "float"):  # CSV writers write a missing number so
            missing |= series.str.to_lowercase() == "nan"
    absent = missing.fill_null(value=True).to_numpy()
    if dtype == "category":
        column, readable = _as_text(series, absent)
        return column, ~readable & ~absent, absent
    numbers = _as_numbers(series, dtype)
    unreadable = ~np.isfinite(numbers) & ~absent
    if dtype == "int":
        unreadable |= np.isfinite(numbers) & (numbers != np.trunc(numbers))
    if dtype == "bool":
        unreadable |= np.isfinite(numbers) & (numbers != 0) & (numbers != 1)
    return np.where(unreadable, np.nan, numbers), unreadable, absent


def _as_text(series: pl.Series, absent: NDArray[np.bool_]) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    textual = series.dtype in (pl.String, pl.Boolean) or series.dtype.is_integer()
    text = series.cast(pl.String) if textual else pl.Series([None] * len(series), dtype=pl.String)
    column = text.to_numpy().astype(object)
    column[absent] = None
    return column, np.full(len(series), textual)


def _as_numbers(series: pl.Series, dtype: Dtype) -> NDArray[np.float64]:
    """float64 of shape (n,); NaN where a value is missing or not of the dtype."""
    if dtype == "datetime":
        return _as_seconds(series)
    if series.dtype == pl.String and dtype == "bool":
        series = series.str.to_lowercase().replace_strict(_TRUE_FALSE, default=None, return_dtype=pl.Float64)
    elif series.dtype == pl.String or series.dtype.is_numeric():
        series = series.cast(pl.Float64, strict=False)
    elif series.dtype == pl.Boolean and dtype == "bool":
        series = series.cast(pl.Float64)
    else:
        return np.full(len(series), np.nan)
    numbers: NDArray[np.float64] = series.fill_null(np.nan).to_numpy().astype(np.float64)
    return np.where(np.abs(numbers) > FLOAT32_MAX, np.inf, numbers)


def _as_seconds(series: pl.Series) -> NDArray[np.float64]:
    if series.dtype == pl.String:
        moments = [None if text is None else parse_time(text) for text in series.to_list()]
        return np.array([np.nan if moment is None else epoch_seconds(moment) for moment in moments], dtype=np.float64)
    if series.dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    if not isinstance(series.dtype, pl.Datetime):
        return np.full(len(series), np.nan)
    # Python divides integers exactly, as `epoch_seconds` does; float64 would round microseconds after 2255 twice
    microseconds = series.dt.timestamp("us").to_list()
    return np.array([np.nan if each is None else each / 1_000_000 for each in microseconds], dtype=np.float64)


def _found(problem: str, mask: NDArray[np.bool_], first_row: int) -> dict[str, NDArray[np.int64]]:
    rows = np.flatnonzero(mask)
    return {problem: rows + first_row} if rows.size else {}


def problem_texts(bad_rows: Mapping[str, NDArray[np.int64]]) -> list[str]:
    """A line for each problem, with the count of its rows and the first of them, if there are any.

    >>> problem_texts({"x is empty": np.array([3, 9])})
    ['x is empty: 2 rows (3, 9)']
    """
    return [f"{problem}: {rows_text(rows)}" if rows.size else problem for problem, rows in bad_rows.items()]


def rows_text(rows: Sequence[int] | NDArray[np.int64]) -> str:
    """The count of rows, and the first row numbers.

    >>> rows_text([3, 9])
    '2 rows (3, 9)'
    """
    shown = ", ".join(str(row) for row in rows[:ROWS_SHOWN])
    return f"{len(rows)} row{'' if len(rows) == 1 else 's'} ({shown}{', …' if len(rows) > ROWS_SHOWN else ''})"
