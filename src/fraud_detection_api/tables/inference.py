"""Drafts a contract for a file. A person reviews it, so uncertain guesses carry a comment."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import COLUMN_NAME, COLUMN_NAME_LENGTH, FLOAT32_MAX, INT_MAX, MAX_TEXT
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import ROWS_SHOWN, read_column, rows_text
from fraud_detection_api.tables.files import UNNAMED

MAX_LEVELS = 200
MAX_LEVEL_SHARE = 0.5
NUMBERS_SHARE = 0.9  # from this share of numbers on, a text column's other values are more likely errors than levels

_KNOWN = (pl.Boolean, pl.Date, pl.Datetime, pl.String, pl.Categorical, pl.Enum, pl.Null)

_POSITIVE_WORDS = {"1", "1.0", "true", "yes", "y", "fraud", "bad", "t"}
_NEGATIVE_WORDS = {"0", "0.0", "-1", "false", "no", "n", "legitimate", "genuine", "good", "f"}


@dataclass(frozen=True, slots=True)
class _Guess:
    """The lines of a column's table, or the reason to ignore the column."""

    lines: tuple[str, ...] = ()
    ignored_because: str = ""


def infer_contract(
    frame: pl.DataFrame, *, source: str, name: str, target: str, identifier: str | None, time: str | None
) -> str:
    """The TOML text of a contract for the columns of `frame`.

    Only a minimum of 0 is declared, for columns without negative values: the largest value seen is not a limit. Raises
    InvalidDataset where `target`, `identifier` or `time` is not a column, the target is not binary, a time cannot be read,
    or no column can be a feature.
    """
    _require_columns(frame, source, [target, identifier, time])
    if time is not None:
        _require_times(frame[time], source)
    known_probability = _known_probability(frame, [target, identifier, time])
    used = (target, identifier, time, known_probability, UNNAMED)
    guesses = {column: _guess(frame[column], time) for column in frame.columns if column not in used}
    if all(guess.ignored_because for guess in guesses.values()):
        raise InvalidDataset(source, ["no column can be a feature; is this the right file?"])
    sections = [_head(name, source, frame.height), _ignored(guesses)]
    if identifier is not None:
        dtype = "int" if frame[identifier].dtype.is_integer() else "str"
        sections.append(f"[id]\nname = {_quoted(identifier)}\ndtype = {_quoted(dtype)}")
    sections.append(_target(frame[target], source, known_probability))
    if time is not None:
        sections.append(f"[time]\nname = {_quoted(time)}")
    for column, guess in guesses.items():
        if not guess.ignored_because:
            sections.append("\n".join([f"[features.{_key(column)}]", *guess.lines, _reason(column)]))
    return "\n\n".join(section for section in sections if section) + "\n"


def _require_columns(frame: pl.DataFrame, source: str, columns: Sequence[str | None]) -> None:
    present = frame.columns
    problems = [
        f"no column {c!r}; the columns are {', '.join(present)}" for c in columns if c is not None and c not in present
    ]
    problems += [
        f"column {column!r}: rename it; a name has 1 to {COLUMN_NAME_LENGTH} characters, and no `, {{, }} or line break"
        for column in present
        if column != UNNAMED and (len(column) > COLUMN_NAME_LENGTH or not re.fullmatch(COLUMN_NAME, column))
    ]
    if problems:
        raise InvalidDataset(source, problems)
    if frame.height == 0:
        raise InvalidDataset(source, ["holds no rows"])


def _require_times(series: pl.Series, source: str) -> None:
    _seconds, unreadable, missing = read_column(series, "datetime")
    if (rows := np.flatnonzero(unreadable | missing) + 1).size:
        raise InvalidDataset(
            source, [f"the time column {series.name!r} has values that are not times: {rows_text(rows)}"]
        )


def _known_probability(frame: pl.DataFrame, used: Sequence[str | None]) -> str | None:
    """The column of simulated data with each record's true probability. As a feature, it would reveal the target."""
    name = load_contract(CREDIT).target.known_probability
    if name is None or name not in frame.columns or name in used or not frame[name].dtype.is_numeric():
        return None
    within = frame[name].cast(pl.Float64).is_between(0, 1).fill_null(value=False)  # NaN is not between
    return name if within.all() else None


def _head(name: str, source: str, rows: int) -> str:
    file_name = re.sub(r"[\x00-\x1f\x7f]", "?", source.replace("\\", "/").rsplit("/", 1)[-1])
    return (
        f"# Drafted from {rows:,} rows of {file_name}. Review it, and add units, ranges and the texts of reasons.\n"
        f"name = {_quoted(re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:64] or 'my')}"
    )


def _ignored(guesses: dict[str, _Guess]) -> str:
    lines = [
        f"  {_quoted(column)},  # {guess.ignored_because}" for column, guess in guesses.items() if guess.ignored_because
    ]
    return "\n".join(["ignored = [", *lines, "]"]) if lines else ""


def _target(series: pl.Series, source: str, known_probability: str | None) -> str:
    values = _by_count(_present(series))
    if len(values) != 2:
        problem = f"the target {series.name!r} has {len(values)} different values; it must have two"
        raise InvalidDataset(source, [problem])
    worded = [
        yes
        for yes, no in (values, values[::-1])
        if str(yes).lower() in _POSITIVE_WORDS and str(no).lower() in _NEGATIVE_WORDS
    ]
    positive = worded[0] if worded else values[1]
    why = "the value that means fraud" if worded else "the rarer value, as a guess; make sure that it means fraud"
    if not isinstance(positive, bool | int):
        whole = isinstance(positive, float) and positive.is_integer()
        positive = int(positive) if whole else str(positive).strip()
    text = _quoted(positive) if isinstance(positive, str) else json.dumps(positive)
    lines = ["[target]", f"name = {_quoted(series.name)}", f"positive = {text}  # {why}"]
    if known_probability is not None:
        lines.append(f"known_probability = {_quoted(known_probability)}  # of simulated data; never a feature")
    return "\n".join(lines)


def _present(series: pl.Series) -> pl.Series:
    """The values that are not missing, in the sense of `read_column`."""
    if series.dtype.is_float():
        return series.filter(series.is_not_nan())
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        text = series.cast(pl.String).str.strip_chars()
        return text.filter(text != "")
    return series.drop_nulls()


def _by_count(present: pl.Series) -> list[Any]:
    """The different values, the most frequent first; equally frequent ones in order, so that a draft is reproducible."""
    counts = present.alias("value").value_counts()
    return counts.sort("count", "value", descending=[True, False])["value"].to_list()


def _guess(series: pl.Series, time: str | None) -> _Guess:
    if reason := _strays(series):
        return _Guess(ignored_because=reason)
    series = _as_read(series)
    present = _present(series)
    if reason := _why_ignored(series.dtype, present):
        return _Guess(ignored_because=reason)
    nullable = ("nullable = true",) if len(present) < len(series) else ()
    if series.dtype.is_integer() or series.dtype.is_float():
        return _numeric_guess(present, nullable)
    if series.dtype == pl.Boolean:
        return _Guess(('dtype = "bool"', *nullable))
    if not read_column(present, "datetime")[1].any():
        return _Guess((*_datetime_lines(present, time), *nullable))
    return _text_guess(present, nullable)


def _why_ignored(dtype: pl.DataType, present: pl.Series) -> str:
    if not (dtype.is_integer() or dtype.is_float()) and not isinstance(dtype, _KNOWN):
        return f"a contract has no type for {dtype}"
    return "never varies" if present.n_unique() < 2 else ""


def _strays(series: pl.Series) -> str:
    """The reason to ignore a text column of numbers in which some values are not numbers; empty for any other column."""
    if series.dtype != pl.String:
        return ""
    _numbers, unreadable, missing = read_column(series, "float")
    rows, present = np.flatnonzero(unreadable) + 1, int((~missing).sum())
    if not rows.size or present - rows.size < NUMBERS_SHARE * present:
        return ""
    shown = ", ".join([*map(str, rows[:ROWS_SHOWN]), *(["…"] if rows.size > ROWS_SHOWN else [])])
    where = f"the other is in row {shown}" if rows.size == 1 else f"the others are in rows {shown}"
    return (
        f"{present - rows.size:,} of {present:,} values are numbers; {where}: correct the file, or declare a category"
    )


def _as_read(series: pl.Series) -> pl.Series:
    """The column as training will read it: Decimal as float, and text as numbers where only blanks or NaN made it text.

    Other text stays text: a CSV's numbers have been recognized already, and a typed file means its types.
    """
    if series.dtype.is_decimal():
        return series.cast(pl.Float64)
    if series.dtype != pl.String:
        return series
    stripped = series.str.strip_chars()
    if not ((stripped != series) | (stripped.str.to_lowercase() == "nan")).any():
        return series
    numbers, unreadable, missing = read_column(series, "float")
    if unreadable.any() or missing.all():
        return series
    whole = stripped.filter(~missing).cast(pl.Int64, strict=False).is_not_null().all()
    return pl.Series(series.name, numbers, nan_to_null=True).cast(pl.Int64 if whole else pl.Float64)


def _numeric_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    largest = max(abs(float(present.min())), abs(float(present.max())))  # type: ignore[arg-type]
    if present.dtype.is_integer() and largest > INT_MAX:
        return _Guess(ignored_because="whole numbers beyond 2^53 cannot be stored exactly; is it an id?")
    if largest > FLOAT32_MAX:
        return _Guess(ignored_because="has infinite or too large numbers; correct the file")
    return _Guess((*_numeric_lines(present), *nullable))


def _numeric_lines(present: pl.Series) -> Iterator[str]:
    yield f'dtype = "{"int" if present.dtype.is_integer() else "float"}"'
    if present.ge(0).all():
        yield "minimum = 0"
    middle = present.sort()[len(present) // 2]
    yield f"example = {json.dumps(middle)}"


def _datetime_lines(present: pl.Series, time: str | None) -> Iterator[str]:
    if time is None:
        yield "# if this is when the record was made, draft again with --time: training is then measured on later records"
    yield 'dtype = "datetime"'
    seconds, _unreadable, _missing = read_column(present, "datetime")
    has_hours = np.unique(seconds % 86_400 // 3_600).size > 1
    yield f"parts = {json.dumps(['weekday', 'hour'] if has_hours else ['month', 'weekday'])}"
    yield f"elapsed_days_since = {_quoted(time or '2000-01-01')}"


def _text_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    levels = present.n_unique()
    if levels > MAX_LEVELS or levels > max(2, MAX_LEVEL_SHARE * len(present)):
        return _Guess(ignored_because=f"{levels:,} different texts are too many for a category")
    if (present.str.len_chars() > MAX_TEXT).any():
        return _Guess(ignored_because=f"has texts of more than {MAX_TEXT} characters")
    common = str(_by_count(present)[0])
    return _Guess(('dtype = "category"', f"example = {_quoted(common)}", *nullable))


def _reason(column: str) -> str:
    code = re.sub(r"[^A-Z0-9]+", "_", column.upper()).strip("_")
    code = code if code[:1].isalpha() else f"F_{code}"
    safe = column.replace("{", "(").replace("}", ")")
    return f"reason = {{ code = {_quoted(code[:64])}, text = {_quoted(f'{safe} is {{value}}'[:200])} }}"


def _key(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else _quoted(column)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML escapes it, and JSON does not
