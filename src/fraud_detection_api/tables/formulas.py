"""Texts of CSV files that a spreadsheet would run as formulas: written behind an apostrophe, and read without it.

Source: OWASP, CSV injection. A spreadsheet shows text behind an apostrophe as it is.
"""

import json
from collections.abc import Sequence

import polars as pl

_FIRST = r"[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]"  # the last four are the full-width forms of the first
_GUARDED = f"^'+{_FIRST}"
_NEEDS_GUARD = f"^'*{_FIRST}"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TEXT = (pl.String, pl.Categorical, pl.Enum)


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with an apostrophe before each text and column name that could be a formula, and is not a number.

    Texts that look guarded get one more, so that `unguarded` returns every text as it was.

    >>> guarded(pl.DataFrame({"amount": [-1.5, 2], "note": ["=1+1", "-1.5"]})).rows()
    [(-1.5, "'=1+1"), (2.0, '-1.5')]
    """
    columns = (_guarded(column.cast(pl.String)) if column.dtype in _TEXT else _writable(column) for column in frame)
    names = _guarded(pl.Series(frame.columns, dtype=pl.String))
    return pl.DataFrame(dict(zip(names, columns, strict=True)))


def _writable(column: pl.Series) -> pl.Series:
    """Values of a type that CSV has no way to write, as JSON: lists, structs, durations, bytes (as hexadecimal text).

    >>> _writable(pl.Series([[1, None], None])).to_list()
    ['[1, null]', None]
    """
    if not (column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Duration, pl.Object)):
        return column
    texts = (
        None if value is None else json.dumps(value, default=_plain, ensure_ascii=False) for value in column.to_list()
    )
    return pl.Series(column.name, texts, dtype=pl.String)


def _plain(value: object) -> object:
    if isinstance(value, pl.Series):
        return value.to_list()
    return value.hex() if isinstance(value, bytes) else str(value)


def unguarded(column: pl.Series) -> pl.Series:
    """The texts without the apostrophe that `guarded` wrote.

    >>> unguarded(pl.Series(["'=1+1", "'quoted'", "-1.5", None])).to_list()
    ['=1+1', "'quoted'", '-1.5', None]
    """
    if not column.str.starts_with("'").any():  # a fifth of the time of the next step, and nearly always enough
        return column
    return column.str.slice(1).zip_with(column.str.contains(_GUARDED).fill_null(value=False), column)


def unguarded_names(names: Sequence[str]) -> list[str]:
    """The names of a CSV's header as they were before `guarded`."""
    return unguarded(pl.Series(names, dtype=pl.String)).to_list()


def _guarded(column: pl.Series) -> pl.Series:
    suspect = column.str.contains(_NEEDS_GUARD)
    if not suspect.any():
        return column
    return ("'" + column).zip_with((suspect & ~column.str.contains(_NUMBER)).fill_null(value=False), column)
