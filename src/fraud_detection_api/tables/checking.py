"""Columns of a data frame, checked against the contract. Problems give counts and row numbers, never values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import constraint_violations
from fraud_detection_api.contract.declaration import MAX_TEXT, Constraint, Contract, Dtype, Feature
from fraud_detection_api.contract.windows import Key
from fraud_detection_api.contract.written import NUMBER_FORMATS, Written
from fraud_detection_api.field_texts import one_of, plain_number
from fraud_detection_api.tables.reading import read_column, read_entities, read_ids

ROWS_SHOWN = 5

_ACCEPTED = {
    "int": "whole numbers",
    "float": "numbers",
    "bool": "true or false (or 1 and 0)",
    "category": "text",
    "datetime": "ISO 8601 times",
}


_KINDS = {"int": "a whole number", "str": "text"}


@dataclass
class TableCheck:
    """The checked columns of a table, and for each problem the rows that have it (none for a missing column).

    `columns` are as in `contract.columns`, without the history features that the table lacks. `keys` are Int64 or String,
    null for missing.
    """

    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    keys: dict[str, pl.Series] = field(default_factory=dict)
    bad_rows: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """A line for each problem: the count of its rows and the first of them, never values."""
        return problem_texts(self.bad_rows)

    def typed(self, frame: pl.DataFrame, contract: Contract) -> list[pl.Series]:
        """The checked columns of a CSV's `frame`, in the types of `column_types`, null for missing."""
        columns = [column for column in self.features(contract) if column.name in frame.columns]
        columns += self.keys.values()
        identifier = contract.identifier
        if identifier is not None and identifier.name in frame.columns:
            columns.append(read_ids(frame[identifier.name], identifier.dtype, contract.written(identifier.name))[0])
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
    """The Polars type of each column of a record, and of each history feature."""
    types = {name: _TYPES[feature.dtype] for name, feature in contract.inputs.items()}
    types |= {name: _TYPES[key.dtype] for name, key in contract.keys.items()}
    if contract.identifier is not None:
        types[contract.identifier.name] = _TYPES[contract.identifier.dtype]
    if contract.time is not None:
        types[contract.time.name] = _TYPES["datetime"]
    return types


def identifier_problems(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> list[str]:
    """The problems of the id column, which scoring passes through. A file need not have one."""
    return problem_texts(identifier_rows(frame, contract, first_row=first_row))


def identifier_rows(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> dict[str, NDArray[np.int64]]:
    """The same, each with its rows."""
    identifier = contract.identifier
    if identifier is None or identifier.name not in frame.columns:
        return {}
    _ids, unreadable, missing = read_ids(frame[identifier.name], identifier.dtype, contract.written(identifier.name))
    bad = missing if _folds_id(frame, contract) else unreadable | missing  # the others are a problem of the table
    kind = _KINDS[identifier.dtype]
    return _found(f"{identifier.name} must be {kind} and not empty", bad, first_row)


def _folds_id(frame: pl.DataFrame, contract: Contract) -> bool:
    """Whether history features that read the id are to be computed."""
    identifier = contract.identifier
    is_read = identifier is not None and identifier.name in contract.read_by_history
    return is_read and bool(folded_columns(contract, frame.columns))


def untimed_problems(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> list[str]:
    """The problem of records without a time, where history features are to be computed: they have no window."""
    return problem_texts(untimed_rows(frame, contract, first_row=first_row))


def untimed_rows(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> dict[str, NDArray[np.int64]]:
    """The same, each with its rows."""
    time = contract.time
    if time is None or time.name not in frame.columns or not folded_columns(contract, frame.columns):
        return {}
    missing = read_column(frame[time.name], "datetime", contract.written(time.name))[2]
    return _found(f"{time.name} is empty, and history features need it", missing, first_row)


def folded_columns(contract: Contract, present: Sequence[str]) -> list[str]:
    """The history features that a file does not have as columns: they are computed of its records."""
    return [name for name in contract.history if name not in present]


def _typed(name: str, column: NDArray[Any], dtype: pl.DataType) -> pl.Series:
    if column.dtype == object:
        return pl.Series(name, column.tolist(), dtype=pl.String)
    series = pl.Series(name, column).fill_nan(None)
    return (series * 1e6).round().cast(pl.Int64).cast(dtype) if dtype == _TYPES["datetime"] else series.cast(dtype)


def check_table(frame: pl.DataFrame, contract: Contract, *, first_row: int = 1) -> TableCheck:
    """Check and convert the contract's columns of `frame`, and ignore all others.

    Text columns, as of a CSV, are read as the declared dtype. Rows are numbered from `first_row`. Unless the frame has all
    history features, it must have the columns that these are computed of.
    """
    check = TableCheck()
    for name, feature in contract.inputs.items():
        if name in contract.features or name in frame.columns:  # what a file lacks of history is folded
            _check_column(check, frame, name, feature, contract.written(name), first_row)
    if contract.time is not None and contract.time.name not in contract.features:
        _check_time(check, frame, contract.time.name, contract, first_row)
    _check_history(check, frame, contract, first_row)
    if not check.bad_rows:
        for name, broken in constraint_violations(contract, check.columns).items():
            check.bad_rows |= _found(constraint_problem(contract.enforced[name]), broken, first_row)
    return check


def _check_history(check: TableCheck, frame: pl.DataFrame, contract: Contract, first_row: int) -> None:
    """Check the keys and history features that are there, and that what is needed for the others is there, too."""
    for name, key in contract.keys.items():
        if name in frame.columns:
            _check_key(check, frame[name], key, contract.written(name), first_row)
    if folded_columns(contract, frame.columns):
        times = [] if contract.time is None else [contract.time.name]
        for name in [*times, *sorted(contract.read_by_history - contract.features.keys())]:
            if name not in frame.columns:
                check.bad_rows[missing_column(name, frame.columns)] = np.empty(0, dtype=np.int64)
    identifier = contract.identifier
    if identifier is not None and identifier.name in frame.columns and _folds_id(frame, contract):
        written = contract.written(identifier.name)
        unreadable = read_entities(frame[identifier.name], identifier.dtype, written)[1]
        check.bad_rows |= _found(f"{identifier.name} must be {_KINDS[identifier.dtype]}", unreadable, first_row)


def _check_key(check: TableCheck, series: pl.Series, key: Key, written: Written, first_row: int) -> None:
    name = series.name
    keys, unreadable, missing = read_ids(series, key.dtype, written)
    check.bad_rows |= _found(f"{name} must be {_KINDS[key.dtype]}", unreadable, first_row)
    if not key.nullable:
        check.bad_rows |= _found(_empty(name), missing, first_row)
    if key.dtype == "str":
        too_long = (keys.str.len_chars() > MAX_TEXT).fill_null(value=False).to_numpy()
        check.bad_rows |= _found(_too_long(name), too_long, first_row)
    check.keys[name] = keys


def _empty(name: str) -> str:
    return f"{name} is empty and the contract does not say nullable = true"


def _too_long(name: str) -> str:
    return f"{name} must be at most {MAX_TEXT} characters"


def _check_time(check: TableCheck, frame: pl.DataFrame, name: str, contract: Contract, first_row: int) -> None:
    if name in frame.columns:
        time = Feature(dtype="datetime", nullable=True)
        _check_column(check, frame, name, time, contract.written(name), first_row)
    else:
        check.columns[name] = np.full(frame.height, np.nan)


def constraint_problem(constraint: Constraint) -> str:
    """The problem of rows that break a constraint."""
    return f"{constraint.field} {constraint.message}"


def _check_column(
    check: TableCheck, frame: pl.DataFrame, name: str, feature: Feature, written: Written, first_row: int
) -> None:
    if name not in frame.columns:
        check.bad_rows[missing_column(name, frame.columns)] = np.empty(0, dtype=np.int64)
        return
    column, unreadable, missing = read_column(frame[name], feature.dtype, written)
    bad_rows = _found(f"{name} must be {accepted(feature.dtype, written)}", unreadable, first_row)
    if not feature.nullable:
        bad_rows |= _found(_empty(name), missing, first_row)
    if feature.dtype in ("int", "float"):
        bounds = f"{plain_number(feature.lower)} to {plain_number(feature.upper)}"
        with np.errstate(invalid="ignore"):
            outside = (column < feature.lower) | (column > feature.upper)
        bad_rows |= _found(f"{name} must be within {bounds}", outside, first_row)
    if feature.dtype == "category":
        too_long = np.array([level is not None and len(level) > MAX_TEXT for level in column], dtype=np.bool_)
        bad_rows |= _found(_too_long(name), too_long, first_row)
        if allowed := feature.refused_outside:
            refused = np.array([level is not None and level not in allowed for level in column], dtype=np.bool_)
            bad_rows |= _found(f"{name} must be {one_of(allowed)}", refused & ~unreadable & ~too_long, first_row)
    check.bad_rows |= bad_rows
    check.columns[name] = column


def missing_column(name: str, present: Sequence[str]) -> str:
    """The problem of a column that is not there, and a name that differs from it in case or blanks alone.

    >>> missing_column("Amount", ["amount", "x"])
    "column 'Amount' is missing; 'amount' is there: write the name alike in the file and the contract"
    """
    near = next((each for each in present if each.strip().lower() == name.strip().lower()), None)
    alike = "" if near is None else f"; {near!r} is there: write the name alike in the file and the contract"
    return f"column {name!r} is missing{alike}"


def accepted(dtype: Dtype, written: Written) -> str:
    """What values of a column may be, for its problems."""
    format_ = written.format
    if format_ is None:
        return _ACCEPTED[dtype]
    if dtype == "datetime":
        return f"times in the contract's format {format_!r}, or ISO 8601"
    return f"{_ACCEPTED[dtype]} in the contract's format {format_!r}: {NUMBER_FORMATS[format_].example}"


def _found(problem: str, mask: NDArray[np.bool_], first_row: int) -> dict[str, NDArray[np.int64]]:
    rows = np.flatnonzero(mask)
    return {problem: rows + first_row} if rows.size else {}


def add_rows(problems: dict[str, NDArray[np.int64]], bad_rows: Mapping[str, NDArray[np.int64]]) -> None:
    """Add the bad rows of a piece of a table to those of the pieces before it, by problem."""
    for problem, rows in bad_rows.items():
        problems[problem] = np.append(problems.get(problem, rows[:0]), rows)


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
