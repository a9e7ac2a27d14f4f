"""A sensible contract for a file: a draft that a person reads and mends, so every guess carries its comment."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import COLUMN_NAME, COLUMN_NAME_LENGTH, FLOAT32_MAX, INT_MAX, MAX_TEXT
from fraud_detection_api.contract.files import UNNAMED
from fraud_detection_api.contract.table import read_column
from fraud_detection_api.errors import InvalidDataset

MAX_LEVELS = 200
MAX_LEVEL_SHARE = 0.5

_KNOWN = (pl.Boolean, pl.Date, pl.Datetime, pl.String, pl.Categorical, pl.Enum, pl.Null)

_POSITIVE_WORDS = {"1", "1.0", "true", "yes", "y", "fraud", "bad", "t"}
_NEGATIVE_WORDS = {"0", "0.0", "-1", "false", "no", "n", "legitimate", "genuine", "good", "f"}


@dataclass(frozen=True, slots=True)
class _Guess:
    """What one column becomes: lines of its table, or why it is ignored."""

    lines: tuple[str, ...] = ()
    ignored_because: str = ""


def infer_contract(
    frame: pl.DataFrame, *, source: str, name: str, target: str, identifier: str | None, time: str | None
) -> str:
    """TOML text of a contract for the columns of `frame`.

    Ranges are declared only where the data suggests a physical one (no negatives): a maximum seen is no maximum allowed.
    Raises InvalidDataset where `target`, `identifier` or `time` is no column, the target is not binary, or no column
    can be a feature.
    """
    _require_columns(frame, source, [target, identifier, time])
    spoken_for = (target, identifier, time, UNNAMED)
    guesses = {column: _guess(frame[column]) for column in frame.columns if column not in spoken_for}
    if all(guess.ignored_because for guess in guesses.values()):
        raise InvalidDataset(source, ["no column can be a feature; is this the right file?"])
    sections = [_head(name, source, frame.height), _ignored(guesses)]
    if identifier is not None:
        dtype = "int" if frame[identifier].dtype.is_integer() else "str"
        sections.append(f"[id]\nname = {_quoted(identifier)}\ndtype = {_quoted(dtype)}")
    sections.append(_target(frame[target], source))
    if time is not None:
        sections.append(f"[time]\nname = {_quoted(time)}")
    for column, guess in guesses.items():
        if not guess.ignored_because:
            sections.append("\n".join([f"[features.{_key(column)}]", *guess.lines, _reason(column)]))
    return "\n\n".join(section for section in sections if section) + "\n"


def _require_columns(frame: pl.DataFrame, source: str, columns: Sequence[str | None]) -> None:
    present = frame.columns
    problems = [
        f"no column {c!r}; there are {', '.join(present)}" for c in columns if c is not None and c not in present
    ]
    problems += [
        f"column {column!r}: rename it; a name is 1 to {COLUMN_NAME_LENGTH} characters, without `, {{, }} and line breaks"
        for column in present
        if column != UNNAMED and (len(column) > COLUMN_NAME_LENGTH or not re.fullmatch(COLUMN_NAME, column))
    ]
    if problems:
        raise InvalidDataset(source, problems)
    if frame.height == 0:
        raise InvalidDataset(source, ["holds no rows"])


def _head(name: str, source: str, rows: int) -> str:
    file_name = re.sub(r"[\x00-\x1f\x7f]", "?", source.replace("\\", "/").rsplit("/", 1)[-1])
    return (
        f"# A draft from {rows:,} rows of {file_name}. Read it through: units, ranges and texts are yours to say.\n"
        f"name = {_quoted(re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:64] or 'my')}"
    )


def _ignored(guesses: dict[str, _Guess]) -> str:
    lines = [
        f"  {_quoted(column)},  # {guess.ignored_because}" for column, guess in guesses.items() if guess.ignored_because
    ]
    return "\n".join(["ignored = [", *lines, "]"]) if lines else ""


def _target(series: pl.Series, source: str) -> str:
    values = _by_count(_present(series))
    if len(values) != 2:
        fault = f"the target {series.name!r} has {len(values)} different values; it must have two"
        raise InvalidDataset(source, [fault])
    worded = [
        yes
        for yes, no in (values, values[::-1])
        if str(yes).lower() in _POSITIVE_WORDS and str(no).lower() in _NEGATIVE_WORDS
    ]
    positive = worded[0] if worded else values[1]
    why = "the value that means fraud" if worded else "the rarer value was taken; make sure that it means fraud"
    if not isinstance(positive, bool | int):
        whole = isinstance(positive, float) and positive.is_integer()
        positive = int(positive) if whole else str(positive).strip()
    text = _quoted(positive) if isinstance(positive, str) else json.dumps(positive)
    return f"[target]\nname = {_quoted(series.name)}\npositive = {text}  # {why}"


def _present(series: pl.Series) -> pl.Series:
    """The values that are not missing, as `contract.table` counts missing ones."""
    if series.dtype.is_float():
        return series.filter(series.is_not_nan())
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        text = series.cast(pl.String).str.strip_chars()
        return text.filter(text != "")
    return series.drop_nulls()


def _by_count(present: pl.Series) -> list[Any]:
    """Different values, the most frequent first; among equals in their own order, so that a draft is reproducible."""
    counts = present.alias("value").value_counts()
    return counts.sort("count", "value", descending=[True, False])["value"].to_list()


def _guess(series: pl.Series) -> _Guess:
    if not (series.dtype.is_integer() or series.dtype.is_float()) and not isinstance(series.dtype, _KNOWN):
        return _Guess(ignored_because=f"{series.dtype} is not a type that a contract knows")
    present = _present(series)
    if present.n_unique() < 2:
        return _Guess(ignored_because="never varies")
    nullable = ("nullable = true",) if len(present) < len(series) else ()
    if series.dtype.is_integer() or series.dtype.is_float():
        return _numeric_guess(present, nullable)
    if series.dtype == pl.Boolean:
        return _Guess(('dtype = "bool"', *nullable))
    if _is_time(present):
        return _Guess((*_datetime_lines(present), *nullable))
    return _text_guess(present, nullable)


def _numeric_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    largest = max(abs(float(present.min())), abs(float(present.max())))  # type: ignore[arg-type]
    if present.dtype.is_integer() and largest > INT_MAX:
        return _Guess(ignored_because="whole numbers beyond 2^53 cannot be kept exactly; is it an id?")
    if largest > FLOAT32_MAX:
        return _Guess(ignored_because="holds infinite or enormous numbers; mend the file")
    return _Guess((*_numeric_lines(present), *nullable))


def _numeric_lines(present: pl.Series) -> Iterator[str]:
    yield f'dtype = "{"int" if present.dtype.is_integer() else "float"}"'
    if present.ge(0).all():
        yield "minimum = 0"
    middle = present.sort()[len(present) // 2]
    yield f"example = {json.dumps(middle)}"


def _is_time(present: pl.Series) -> bool:
    _seconds, unreadable, _missing = read_column(present, "datetime")
    return not unreadable.any()


def _datetime_lines(present: pl.Series) -> Iterator[str]:
    yield 'dtype = "datetime"'
    seconds, _unreadable, _missing = read_column(present, "datetime")
    has_hours = np.unique(seconds % 86_400 // 3_600).size > 1
    yield f"parts = {json.dumps(['weekday', 'hour'] if has_hours else ['month', 'weekday'])}"
    yield 'elapsed_days_since = "2000-01-01"'


def _text_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    levels = present.n_unique()
    if levels > MAX_LEVELS or levels > max(2, MAX_LEVEL_SHARE * len(present)):
        return _Guess(ignored_because=f"{levels:,} different texts are too many for a category")
    if (present.str.len_chars() > MAX_TEXT).any():
        return _Guess(ignored_because=f"holds texts of more than {MAX_TEXT} characters")
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
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # which TOML escapes, and JSON does not
