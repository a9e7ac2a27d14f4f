"""A sensible contract for a file: a draft that a person reads and mends, so every guess carries its comment."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from fraud_detection_api.errors import InvalidDataset

MAX_LEVELS = 200
MAX_LEVEL_SHARE = 0.5

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
    guesses = {column: _guess(frame[column]) for column in frame.columns if column not in (target, identifier, time)}
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
    absent = [column for column in columns if column is not None and column not in frame.columns]
    if absent:
        raise InvalidDataset(
            source, [f"no column {column!r}; there are {', '.join(frame.columns)}" for column in absent]
        )
    if frame.height == 0:
        raise InvalidDataset(source, ["holds no rows"])


def _head(name: str, source: str, rows: int) -> str:
    file_name = source.replace("\\", "/").rsplit("/", 1)[-1]
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
    levels = series.drop_nulls().value_counts(sort=True)
    if levels.height != 2:
        fault = f"the target {series.name!r} has {levels.height} different values; it must have two"
        raise InvalidDataset(source, [fault])
    values = levels[series.name].to_list()
    worded = [
        yes
        for yes, no in (values, values[::-1])
        if str(yes).lower() in _POSITIVE_WORDS and str(no).lower() in _NEGATIVE_WORDS
    ]
    positive = worded[0] if worded else values[1]
    why = "the value that means fraud" if worded else "the rarer value was taken; make sure that it means fraud"
    if isinstance(positive, float):
        positive = int(positive)
    return f"[target]\nname = {_quoted(series.name)}\npositive = {json.dumps(positive)}  # {why}"


def _guess(series: pl.Series) -> _Guess:
    present = series.drop_nulls()
    if series.dtype.is_float():
        present = present.filter(present.is_not_nan())
    if present.n_unique() < 2:
        return _Guess(ignored_because="never varies")
    nullable = ("nullable = true",) if len(present) < len(series) else ()
    if series.dtype.is_integer() or series.dtype.is_float():
        return _Guess((*_numeric_lines(present), *nullable))
    if series.dtype == pl.Boolean:
        return _Guess(('dtype = "bool"', *nullable))
    if isinstance(series.dtype, pl.Date | pl.Datetime):
        return _Guess((*_datetime_lines(present), *nullable))
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        return _text_guess(present, nullable)
    return _Guess(ignored_because=f"{series.dtype} is not a type that a contract knows")


def _numeric_lines(present: pl.Series) -> Iterator[str]:
    yield f'dtype = "{"int" if present.dtype.is_integer() else "float"}"'
    if present.ge(0).all():
        yield "minimum = 0"
    middle = present.sort()[len(present) // 2]
    yield f"example = {json.dumps(middle)}"


def _datetime_lines(present: pl.Series) -> Iterator[str]:
    yield 'dtype = "datetime"'
    has_hours = isinstance(present.dtype, pl.Datetime) and present.dt.hour().n_unique() > 1
    yield f"parts = {json.dumps(['weekday', 'hour'] if has_hours else ['month', 'weekday'])}"
    yield 'elapsed_days_since = "2000-01-01"'


def _text_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    levels = present.n_unique()
    if levels > MAX_LEVELS or levels > max(2, MAX_LEVEL_SHARE * len(present)):
        return _Guess(ignored_because=f"{levels:,} different texts are too many for a category")
    common = present.value_counts(sort=True)[present.name][0]
    return _Guess(('dtype = "category"', f"example = {_quoted(str(common))}", *nullable))


def _reason(column: str) -> str:
    code = re.sub(r"[^A-Z0-9]+", "_", column.upper()).strip("_")
    code = code if code[:1].isalpha() else f"F_{code}"
    safe = column.replace("{", "(").replace("}", ")")
    return f"reason = {{ code = {_quoted(code[:64])}, text = {_quoted(f'{safe} is {{value}}'[:200])} }}"


def _key(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else _quoted(column)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
