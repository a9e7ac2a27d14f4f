"""The columns of a file that a draft gives a role: target, id and time."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import (
    ADDED_COLUMNS,
    DECISION_FIELDS,
    OUTCOME,
)
from fraud_detection_api.contract.wording import COLUMN_NAME, COLUMN_NAME_LENGTH
from fraud_detection_api.contract.written import Written
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import rows_text
from fraud_detection_api.tables.files import is_row_number
from fraud_detection_api.tables.reading import are_markers, read_column, read_ids
from fraud_detection_api.tables.recognition import (
    LEADING_ZERO,
    Nearly,
    Recognized,
    as_read,
    by_count,
    nearest_times,
    present_values,
    time_format,
    unreadable_kind,
)
from fraud_detection_api.tables.remarks import counted, quoted

_POSITIVE_WORDS = {"1", "1.0", "true", "yes", "y", "fraud", "bad", "t"}
_NEGATIVE_WORDS = {"0", "0.0", "-1", "false", "no", "n", "legitimate", "genuine", "good", "f"}
_VALUES_SHOWN = 5
_VALUE_LENGTH = 20


def require_columns(frame: pl.DataFrame, source: str, columns: Sequence[str | None]) -> None:
    """Raise InvalidDataset unless target, id and time, in this order, are columns, and all columns can be named."""
    present = frame.columns
    problems = [_no_column(column, present) for column in columns if column is not None and column not in present]
    problems += [
        f"column {column!r}: rename it; a name has 1 to {COLUMN_NAME_LENGTH} characters, and no `, {{, }} or line break"
        for column in present
        if not is_row_number(column) and (len(column) > COLUMN_NAME_LENGTH or not re.fullmatch(COLUMN_NAME, column))
    ]
    problems += [f"column {column!r}: rename it; {why}" for column, why in _reserved(columns) if column in present]
    if problems:
        raise InvalidDataset(source, problems)
    if frame.height == 0:
        raise InvalidDataset(source, ["holds no rows"])


def _no_column(column: str, present: Sequence[str]) -> str:
    near = {name.strip().lower(): name for name in reversed(present)}
    close = difflib.get_close_matches(column.strip().lower(), near, n=1)
    listed = f"the columns are {', '.join(map(repr, present))}"
    return f"no column {column!r}; " + (f"did you mean {near[close[0]]!r}?" if close else listed)


def _reserved(columns: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    """Which of target, id and time have a name that is taken."""
    target, identifier, time = columns
    for column in (target, identifier, time):
        if column in ADDED_COLUMNS and (column, target) != (OUTCOME, OUTCOME):
            yield column, "scoring adds a column of this name"
    if identifier in DECISION_FIELDS and identifier not in ADDED_COLUMNS:
        yield identifier, "every decision has a field of this name"


def are_times(series: pl.Series, format_: str | None) -> bool:
    """Whether some values are times, and all others are missing."""
    _seconds, unreadable, missing = read_column(series, "datetime", Written(format_))
    return not unreadable.any() and not missing.all()


def time_written(series: pl.Series) -> Recognized | None:
    """The format of the column of times; None if it is ISO 8601."""
    return None if are_times(series, None) else time_format(as_read(series), is_time=True)


def require_times(series: pl.Series, source: str) -> None:
    """Raise InvalidDataset unless all values are times. It names the format that most are in, and the rows of the others."""
    written = time_written(series)
    _seconds, unreadable, missing = read_column(series, "datetime", Written(written and written.format))
    bad, hint = unreadable | missing, "every record needs its time: correct these rows, or leave them out"
    if not bad.any():
        return
    if series.dtype == pl.String and unreadable.any():
        texts = series.str.strip_chars()
        nearest = nearest_times(texts, pl.Series(missing))
        if nearest is not None:
            bad = ~nearest.fits.to_numpy() | missing
        hint = _nearest_hint(texts, nearest, pl.Series(missing))
    elif unreadable.any():
        hint = "name another column, or write ISO 8601"
    rows = np.flatnonzero(bad) + 1
    if rows.tolist() == [len(series)]:
        hint = "is the last row a total or a footer? remove it"
    problem = f"the time column {series.name!r} has values that are not times: {rows_text(rows)}; {hint}"
    raise InvalidDataset(source, [problem])


def _nearest_hint(texts: pl.Series, nearest: Nearly | None, missing: pl.Series) -> str:
    if (kind := unreadable_kind(texts)) is not None:
        return f"nearly all are {kind}"
    if nearest is None:
        return "write ISO 8601, such as 2025-01-31T10:00:00+01:00 (or Z, or UTC), or a form that docs/how-to/files.md lists"
    fitting = int((nearest.fits & ~missing).sum())
    said = f"{fitting:,} of {len(texts):,} are in {_form(nearest)}"
    others = texts.filter(~nearest.fits)
    second = nearest_times(others, pl.Series([False] * len(others)))
    if second is not None:
        return f"{said}, and {int(second.fits.sum()):,} in {_form(second)}: write all in one form, or in ISO 8601"
    return f"{said}: correct the others or leave them out, or draft without --time and declare missing"


def _form(times: Nearly) -> str:
    return "ISO 8601" if times.format is None else f"the format {times.format!r}"


def reason_codes(columns: Iterable[str]) -> list[str]:
    """A code for each column: its letters without accents, or its position where they are of another alphabet.

    >>> reason_codes(["Kündigung", "年齢", "収入", "a b", "a-b"])
    ['KUNDIGUNG', 'F_2', 'F_3', 'A_B', 'A_B_5']
    """
    codes: list[str] = []
    for position, column in enumerate(columns, 1):
        letters = "".join(each for each in unicodedata.normalize("NFKD", column) if not unicodedata.combining(each))
        code = re.sub(r"[^A-Z0-9]+", "_", letters.upper()).strip("_")
        code = (code if code[:1].isalpha() else f"F_{code or position}")[:_CODE_LENGTH]
        others = (f"{code[: _CODE_LENGTH - 6]}_{number}" for number in count(position))
        codes.append(next(each for each in (code, *islice(others, len(codes) + 1)) if each not in codes))
    return codes


_CODE_LENGTH = 64
_SCIENTIFIC = r"^[+-]?[0-9](\.[0-9]+)?[eE]\+?[0-9]+$"


def id_lines(series: pl.Series) -> Iterator[str]:
    """The dtype: a code with leading zeros, and a number beyond 64 bits, are text. Comments say what is wrong with ids."""
    numeric = series.dtype.is_integer() or series.dtype.is_float()
    whole = numeric and not read_ids(series, "int")[1].any()
    texts = series.cast(pl.String).str.strip_chars()
    ids, _unreadable, missing = read_ids(series, "int" if whole else "str")
    if missing.any():
        yield f"# empty in {rows_text(np.flatnonzero(missing) + 1)}: scoring refuses them; give each record an id"
    if len(series) > 1 and not missing.all() and ids.drop_nulls().n_unique() == 1:
        yield "# all ids are the same; is another column the id?"
    if texts.str.contains(_SCIENTIFIC).any():
        yield "# written in scientific notation: digits are lost; export the column as text"
    codes = series.dtype == pl.String and texts.str.contains(LEADING_ZERO).any()
    yield f'dtype = "{"int" if whole else "str"}"' + ("  # leading zeros belong to these ids" if codes else "")


def target_lines(series: pl.Series, source: str) -> list[str]:
    """The target's table. Raises InvalidDataset unless it has two values."""
    present = present_values(as_read(series) if series.dtype == pl.String else series)
    values = _two_values(series.name, present, source)
    worded = [
        yes
        for yes, no in (values, values[::-1])
        if str(yes).lower() in _POSITIVE_WORDS and str(no).lower() in _NEGATIVE_WORDS
    ]
    positive = worded[0] if worded else values[1]
    why = "the value that means fraud" if worded else "the rarer value, as a guess; make sure that it means fraud"
    counts = {value: int((present == value).sum()) for value in values}
    other = values[1] if positive == values[0] else values[0]
    if counts[positive] > counts[other]:
        why = f"as a guess: the more frequent value; if {_toml(other)} means fraud, write positive = {_toml(other)}"
    said = ", ".join(f"{_toml(value)} ({counts[value]:,}{'' if n else ' rows'})" for n, value in enumerate(values))
    lines = ["[target]", f"# {said}", f"name = {quoted(series.name)}", f"positive = {_toml(positive)}  # {why}"]
    if len(present) < len(series):
        rows = rows_text(np.flatnonzero(_without_value(series)) + 1)
        lines.insert(2, f"# empty, and training refuses that, in {rows}: leave out rows whose outcome is not known yet")
    return lines


def _toml(value: Any) -> str:
    """A value of the target as a contract has it."""
    if isinstance(value, bool | int):
        return json.dumps(value)
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value)) if whole else quoted(str(value).strip())


def _without_value(series: pl.Series) -> Any:
    if series.dtype != pl.String:
        return (series.is_null() | (series.is_nan() if series.dtype.is_float() else False)).to_numpy()
    texts = series.str.strip_chars()
    markers = (
        (texts == "") if len(present_values(as_read(series))) == len(present_values(series)) else are_markers(texts)
    )
    return markers.fill_null(value=True).to_numpy()


def _two_values(name: str, present: pl.Series, source: str) -> list[Any]:
    values = by_count(present)
    different = {str(value).lower() for value in values}
    if len(values) == len(different) == 2:
        return values
    texts = [str(value) for value in values]
    shown = len(texts) in range(2, _VALUES_SHOWN + 1) and all(len(text) <= _VALUE_LENGTH for text in texts)
    said = f", {counted(present.cast(pl.String))}" if shown else ""
    how_many = f"{len(values)} {'value' if len(values) == 1 else 'different values'}"
    fix = ""
    if len(different) < len(values):
        fix = "; some differ only in case: write them alike"
    elif len(values) > 2:
        fix = "; leave out rows whose outcome is not known yet, and write the rest as two values"
        if len(values) == 3 and len(present) > 3 and (present == present[0]).sum() == 1:
            fix = "; is row 1 a second header? remove it"
    raise InvalidDataset(source, [f"the target {name!r} has {how_many}{said}; it must have two{fix}"])
