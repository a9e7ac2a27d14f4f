"""Drafts a contract for a file. A person reviews it, so uncertain guesses carry a comment."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import (
    ADDED_COLUMNS,
    COLUMN_NAME,
    COLUMN_NAME_LENGTH,
    DECISION_FIELDS,
    FLOAT32_MAX,
    INT_MAX,
    MAX_TEXT,
    OUTCOME,
    Dtype,
)
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.contract.wording import BANDED
from fraud_detection_api.contract.written import NUMBER_FORMATS, Written
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import ROWS_SHOWN, rows_text
from fraud_detection_api.tables.files import is_row_number
from fraud_detection_api.tables.protected import PROTECTED_LINE, is_protected_name
from fraud_detection_api.tables.reading import are_markers, read_column, read_ids
from fraud_detection_api.tables.recognition import (
    LEADING_ZERO,
    Recognized,
    number_format,
    present_texts,
    time_format,
)

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


def infer_contract(  # noqa: PLR0913 what the command's options say
    frame: pl.DataFrame,
    *,
    source: str,
    name: str,
    target: str,
    identifier: str | None,
    time: str | None,
    separator: str = ",",
) -> str:
    """The TOML text of a contract for the columns of `frame`.

    The draft says so where another `separator` than a comma is between the fields. Only a minimum of 0 is declared, for
    columns without negative values: the largest value seen is not a limit. Raises InvalidDataset where `target`,
    `identifier` or `time` is not a column, the target is not binary, a time cannot be read, or no column can be a feature.
    """
    _require_columns(frame, source, [target, identifier, time])
    if time is not None:
        _require_times(frame[time], source)
    known_probability = _known_probability(frame, [target, identifier, time])
    used = (target, identifier, time, known_probability)
    guesses = {
        column: _guess(frame[column], time, frame.columns)
        for column in frame.columns
        if column not in used and not is_row_number(column)
    }
    if all(guess.ignored_because for guess in guesses.values()):
        raise InvalidDataset(source, ["no column can be a feature; is this the right file?"])
    sections = [_head(name, source, frame, separator), _ignored(guesses)]
    if identifier is not None:
        sections.append("\n".join(["[id]", f"name = {_quoted(identifier)}", *_id_lines(frame[identifier])]))
    labels = frame[target]
    sections.append(_target(_as_read(labels) if labels.dtype == pl.String else labels, source, known_probability))
    if time is not None:
        sections.append("\n".join(["[time]", f"name = {_quoted(time)}", *_format_lines(_time_written(frame[time]))]))
    for column, guess in guesses.items():
        if not guess.ignored_because:
            sections.append("\n".join([f"[features.{_key(column)}]", *guess.lines, *_reason_lines(column, guess)]))
    return "\n\n".join(section for section in sections if section) + "\n"


def _require_columns(frame: pl.DataFrame, source: str, columns: Sequence[str | None]) -> None:
    present = frame.columns
    problems = [
        f"no column {c!r}; the columns are {', '.join(present)}" for c in columns if c is not None and c not in present
    ]
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


def _reserved(columns: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    """Which of target, id and time have a name that is taken."""
    target, identifier, time = columns
    for column in (target, identifier, time):
        if column in ADDED_COLUMNS and (column, target) != (OUTCOME, OUTCOME):
            yield column, "scoring adds a column of this name"
    if identifier in DECISION_FIELDS and identifier not in ADDED_COLUMNS:
        yield identifier, "every decision has a field of this name"


def _are_times(series: pl.Series, format_: str | None) -> bool:
    """Whether some values are times, and all others are missing."""
    _seconds, unreadable, missing = read_column(series, "datetime", Written(format_))
    return not unreadable.any() and not missing.all()


def _time_written(series: pl.Series) -> Recognized | None:
    """The format of the column of times; None if it is ISO 8601."""
    return None if _are_times(series, None) else time_format(_as_read(series), is_time=True)


def _require_times(series: pl.Series, source: str) -> None:
    written = _time_written(series)
    _seconds, unreadable, missing = read_column(series, "datetime", Written(written and written.format))
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


def _head(name: str, source: str, frame: pl.DataFrame, separator: str) -> str:
    file_name = re.sub(r"[\x00-\x1f\x7f]", "?", source.replace("\\", "/").rsplit("/", 1)[-1])
    rows = [_quoted(column) for column in frame.columns if is_row_number(column)]
    drafted = f"# Drafted from {frame.height:,} rows of {file_name}."
    return "\n".join(
        [
            f"{drafted} Review it, and add units, ranges and the texts of reasons.",
            *([f"# Its fields are separated by {separator!r}."] if separator != "," else []),
            *([f"# Left out: {', '.join(rows)}, as pandas names row numbers."] if rows else []),
            f"name = {_quoted(re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:64] or 'my')}",
        ]
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


def _id_lines(series: pl.Series) -> list[str]:
    """The dtype: a code with leading zeros, and a number beyond 64 bits, are text."""
    numeric = series.dtype.is_integer() or series.dtype.is_float()
    whole = numeric and not read_ids(series, "int")[1].any()
    codes = series.dtype == pl.String and series.str.strip_chars().str.contains(LEADING_ZERO).any()
    return [f'dtype = "{"int" if whole else "str"}"' + ("  # leading zeros belong to these ids" if codes else "")]


def _present(series: pl.Series) -> pl.Series:
    """The values that are not missing, in the sense of `read_column` for a category."""
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


def _guess(series: pl.Series, time: str | None, columns: Sequence[str]) -> _Guess:
    if series.name in ADDED_COLUMNS:
        return _Guess(ignored_because="scoring adds a column of this name; rename this one to use it")
    series, markers = _as_read(series), _marker_lines(series)
    present = _present(series)
    if reason := _why_ignored(series.dtype, present):
        return _Guess(ignored_because=reason)
    if times := _as_times(series):
        return _datetime_guess(series, times, time, columns)
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        return _guess_of_texts(series, present)
    nullable = (*markers, "nullable = true") if len(present) < len(series) else ()
    if series.dtype == pl.Boolean:
        return _Guess(('dtype = "bool"', *nullable))
    return _numeric_guess(present, nullable)


def _guess_of_texts(series: pl.Series, present: pl.Series) -> _Guess:
    if (numbers := number_format(series)) is not None:
        return _formatted_guess(series, numbers)
    if reason := _strays(series):
        return _Guess(ignored_because=reason)
    return _text_guess(present, ("nullable = true",) if len(present) < len(series) else ())


def _why_ignored(dtype: pl.DataType, present: pl.Series) -> str:
    if not (dtype.is_integer() or dtype.is_float()) and not isinstance(dtype, _KNOWN):
        return f"a contract has no type for {dtype}"
    return "never varies" if present.n_unique() < 2 else ""


def _strays(series: pl.Series) -> str:
    """The reason to ignore a text column of numbers in which some values are not numbers; empty for any other column."""
    if series.dtype != pl.String or series.str.contains(LEADING_ZERO).any():
        return ""
    _numbers, unreadable, missing = read_column(series, "float")
    rows, present = np.flatnonzero(unreadable) + 1, int((~missing).sum())
    if not rows.size or present - rows.size < NUMBERS_SHARE * present:
        return ""
    shown = ", ".join([*map(str, rows[:ROWS_SHOWN]), *(["…"] if rows.size > ROWS_SHOWN else [])])
    where = f"the other is in row {shown}" if rows.size == 1 else f"the others are in rows {shown}"
    return (
        f"{present - rows.size:,} of {present:,} values are numbers; {where}: correct the file, declare a category, or, if "
        'they mean missing, declare a number with missing = ["…"]'
    )


def _as_read(series: pl.Series) -> pl.Series:
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


def _marker_lines(series: pl.Series) -> tuple[str, ...]:
    """A comment that counts the texts that are read as missing values."""
    if series.dtype != pl.String:
        return ()
    texts = series.str.strip_chars()
    found = texts.filter(are_markers(texts) & (texts != ""))
    return (f"# missing where it says {_counted(found)}",) if len(found) else ()


def _counted(texts: pl.Series) -> str:
    counts = texts.alias("text").value_counts().sort("count", "text", descending=[True, False])
    return ", ".join(f"{_quoted(text)} ({count:,})" for text, count in counts.iter_rows())


def _formatted_guess(series: pl.Series, found: Recognized) -> _Guess:
    numbers, _unreadable, missing = read_column(series, "float", Written(found.format))
    present = pl.Series(numbers[~missing])
    if (present.abs() > FLOAT32_MAX).any() or present.n_unique() < 2:
        return _Guess(ignored_because="never varies, or has too large numbers")
    nullable = (*_marker_lines(series), "nullable = true") if missing.any() else ()
    example = NUMBER_FORMATS[found.format].example
    lines = (f"# written as in {_quoted(str(_present(series)[0]))}: {example}; requests have the plain number",)
    return _Guess((*_numeric_lines(present), *lines, *_format_lines(found), *nullable))


def _format_lines(found: Recognized | None) -> Iterator[str]:
    if found is None:
        return
    if found.other is not None:
        yield f"# a guess: the values can be {_quoted(found.other)} as well"
    yield f"format = {_quoted(found.format)}"


def _as_times(series: pl.Series) -> tuple[Recognized | None] | None:
    """The format of a column of times, where None is ISO 8601; None for any other column."""
    if isinstance(series.dtype, pl.Date | pl.Datetime) or _are_times(series, None):
        return (None,)
    return None if (found := time_format(series)) is None else (found,)


def _datetime_guess(
    series: pl.Series, written: tuple[Recognized | None], time: str | None, columns: Sequence[str]
) -> _Guess:
    (found,) = written
    seconds, unreadable, missing = read_column(series, "datetime", Written(found and found.format))
    if unreadable.any() or np.unique(seconds[~missing]).size < 2:
        return _Guess(ignored_because="never varies")
    parts = ("weekday", "hour") if np.unique(seconds[~missing] % 86_400 // 3_600).size > 1 else ("month", "weekday")
    if taken := [
        column for column in columns if column in {f"{series.name}.{each}" for each in (*parts, "elapsed_days")}
    ]:
        return _Guess(ignored_because=f"its parts would be named as the column {taken[0]!r} is; rename that one")
    nullable = (*_marker_lines(series), "nullable = true") if missing.any() else ()
    return _Guess((*_datetime_lines(parts, time), *_format_lines(found), *nullable))


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


def _datetime_lines(parts: Sequence[str], time: str | None) -> Iterator[str]:
    if time is None:
        yield "# if this is when the record was made, draft again with --time: training is then measured on later records"
    yield 'dtype = "datetime"'
    yield f"parts = {json.dumps(parts)}"
    yield f"elapsed_days_since = {_quoted(time or '2000-01-01')}"


def _text_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    levels = present.n_unique()
    if levels > MAX_LEVELS or levels > max(2, MAX_LEVEL_SHARE * len(present)):
        return _Guess(ignored_because=f"{levels:,} different texts are too many for a category")
    if (present.str.len_chars() > MAX_TEXT).any():
        return _Guess(ignored_because=f"has texts of more than {MAX_TEXT} characters")
    common = str(_by_count(present)[0])
    markers = present.filter(are_markers(present))
    lines = [f'# a level is {_counted(markers)}; where that means missing: missing = ["…"]'] if len(markers) else []
    return _Guess(('dtype = "category"', f"example = {_quoted(common)}", *lines, *nullable))


def _reason_lines(column: str, guess: _Guess) -> list[str]:
    if is_protected_name(column):
        return [PROTECTED_LINE]
    code = re.sub(r"[^A-Z0-9]+", "_", column.upper()).strip("_")
    code = code if code[:1].isalpha() else f"F_{code}"
    band = ": {band}" if any(f'dtype = "{dtype}"' in guess.lines for dtype in BANDED) else ""
    text = f"{column} is {{value}}{band}"  # a name has no braces
    return [f"reason = {{ code = {_quoted(code[:64])}, text = {_quoted(text)} }}"]


def _key(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else _quoted(column)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML escapes it, and JSON does not
