"""Drafts a contract for a file. A person reviews it, so uncertain guesses carry a comment."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from fraud_detection_api.contract.declaration import ADDED_COLUMNS, FLOAT32_MAX, INT_MAX, MAX_TEXT
from fraud_detection_api.contract.encoding import MOST_LEVELS_BY_SETS
from fraud_detection_api.contract.levels import composed, folded
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.contract.wording import BANDED
from fraud_detection_api.contract.written import Written
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.checking import rows_text
from fraud_detection_api.tables.files import is_row_number
from fraud_detection_api.tables.proposals import history_proposal
from fraud_detection_api.tables.protected import PROTECTED_LINE, is_protected_name
from fraud_detection_api.tables.reading import are_markers, read_column
from fraud_detection_api.tables.recognition import (
    Recognized,
    as_read,
    by_count,
    number_format,
    present_values,
    time_format,
    unreadable_kind,
)
from fraud_detection_api.tables.remarks import (
    counted,
    day_sentinel_lines,
    footer_lines,
    format_lines,
    marker_lines,
    nul_lines,
    number_lines,
    quoted,
    second_header_lines,
    sentinel_lines,
    single_value_lines,
    stray_section,
    strays,
    toml_key,
)
from fraud_detection_api.tables.roles import (
    are_times,
    id_lines,
    reason_codes,
    require_columns,
    require_times,
    target_lines,
    time_written,
)

_TAKEN = (
    "scoring adds a column of this name: rename this one to use it. `fraud score` refuses the file, "
    "unless it was scored before and has all that scoring adds: that is replaced"
)
MAX_LEVEL_SHARE = 0.5
"""With more different texts than this share of the values, a column names records: an id, or free text."""

FEWEST_RECORDS_OF_A_LEVEL = 20
"""Levels are listed where the file has so many records of each: then it probably has them all."""

MOST_LEVELS_NAMED = 32
"""A draft has a place for the names of so many levels."""

_CODE = re.compile(r"[A-Za-z]{0,3}[-_]?[0-9]*|[^a-z]{1,3}")
"""A level that says nothing to a reader who does not know the data, such as A11, 2 or N."""

_KNOWN = (pl.Boolean, pl.Date, pl.Datetime, pl.String, pl.Categorical, pl.Enum, pl.Null)


@dataclass(frozen=True, slots=True)
class _Guess:
    """The lines of a column's table, or the reason to ignore the column and the lines that a person may use nevertheless."""

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
    remarks: Sequence[str] = (),
) -> str:
    """The TOML text of a contract for the columns of `frame`.

    The draft says so where another `separator` than a comma is between the fields, and has the `remarks` about the header.
    Only a minimum of 0 is declared, for columns without negative values: the largest value seen is not a limit. Raises
    InvalidDataset where `target`, `identifier` or `time` is not a column, the target is not binary, a time cannot be read,
    or no column can be a feature.
    """
    require_columns(frame, source, [target, identifier, time])
    if time is not None:
        require_times(frame[time], source)
    known_probability = _known_probability(frame, [target, identifier, time])
    used = (target, identifier, time, known_probability)
    guesses = {
        column: _guess(frame[column], time, frame.columns)
        for column in frame.columns
        if column not in used and not is_row_number(column)
    }
    if all(guess.ignored_because for guess in guesses.values()):
        hint = "is row 1 a second header? remove it" if any(second_header_lines(frame)) else "is this the right file?"
        raise InvalidDataset(source, [f"no column can be a feature; {hint}"])
    sections = [_head(name, source, frame, separator, remarks), _ignored(guesses)]
    if identifier is not None:
        sections.append("\n".join(["[id]", f"name = {quoted(identifier)}", *id_lines(frame[identifier])]))
    lines = target_lines(frame[target], source)
    if known_probability is not None:
        lines.append(f"known_probability = {quoted(known_probability)}  # of simulated data; never a feature")
    sections.append("\n".join(lines))
    if time is not None:
        sections.append("\n".join(["[time]", f"name = {quoted(time)}", *_time_lines(as_read(frame[time]))]))
    features = {column: guess for column, guess in guesses.items() if not guess.ignored_because}
    for (column, guess), code in zip(features.items(), reason_codes(features), strict=True):
        sections.append(
            "\n".join([f"[features.{toml_key(column)}]", *guess.lines, *_reason_lines(column, guess, code)])
        )
    sections += [
        "\n".join(
            f"# {line}"
            for line in (
                f"If the others mean missing: take {quoted(column)} out of `ignored`, and put this in",
                f"[features.{toml_key(column)}]",
                *guess.lines,
            )
        )
        for column, guess in guesses.items()
        if guess.ignored_because and guess.lines
    ]
    if time is not None:
        lines_of, ignored = (
            {column: guess.lines for column, guess in features.items()},
            guesses.keys() - features.keys(),
        )
        present = [column for column in frame.columns if column in ignored]
        sections.append(history_proposal(frame, identifier=identifier, features=lines_of, ignored=present))
    return "\n\n".join(section for section in sections if section) + "\n"


def _known_probability(frame: pl.DataFrame, used: Sequence[str | None]) -> str | None:
    """The column of simulated data with each record's true probability. As a feature, it would reveal the target."""
    name = load_contract(CREDIT).target.known_probability
    if name is None or name not in frame.columns or name in used or not frame[name].dtype.is_numeric():
        return None
    within = frame[name].cast(pl.Float64).is_between(0, 1).fill_null(value=False)  # NaN is not between
    return name if within.all() else None


def _head(name: str, source: str, frame: pl.DataFrame, separator: str, remarks: Sequence[str]) -> str:
    file_name = re.sub(r"[\x00-\x1f\x7f]", "?", source.replace("\\", "/").rsplit("/", 1)[-1])
    rows = [quoted(column) for column in frame.columns if is_row_number(column)]
    drafted = f"# Drafted from {frame.height:,} rows of {file_name}."
    return "\n".join(
        [
            f"{drafted} Review it, and add units, ranges and the texts of reasons.",
            *(
                [f"# Its fields are separated by {separator!r}; --separator names another one."]
                if separator != ","
                else []
            ),
            *(f"# {remark}" for remark in remarks),
            *second_header_lines(frame),
            *footer_lines(frame),
            *([f"# Left out: {', '.join(rows)}, as pandas names row numbers."] if rows else []),
            f"name = {quoted(re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:64] or 'my')}",
            'purpose = "fraud"  # or "credit", where the target says that a credit was not repaid: reasons then say so',
        ]
    )


def _time_lines(series: pl.Series) -> Iterator[str]:
    found = time_written(series)
    yield from day_sentinel_lines(read_column(series, "datetime", Written(found and found.format))[0], is_time=True)
    yield from format_lines(series, found)


def _ignored(guesses: dict[str, _Guess]) -> str:
    lines = [
        f"  {quoted(column)},  # {guess.ignored_because}" for column, guess in guesses.items() if guess.ignored_because
    ]
    return "\n".join(["ignored = [", *lines, "]"]) if lines else ""


def _guess(series: pl.Series, time: str | None, columns: Sequence[str]) -> _Guess:
    if series.name in ADDED_COLUMNS:
        return _Guess(ignored_because=_TAKEN)
    series, markers = as_read(series), marker_lines(series)
    present = present_values(series)
    if reason := _why_ignored(series, present):
        return _Guess(ignored_because=reason)
    if times := _as_times(series):
        return _datetime_guess(series, times, time, columns)
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        return _guess_of_texts(series, present)
    nullable = (*single_value_lines(present), *markers, "nullable = true") if len(present) < len(series) else ()
    if series.dtype == pl.Boolean:
        return _Guess(('dtype = "bool"', *nullable))
    return _numeric_guess(present, nullable)


def _guess_of_texts(series: pl.Series, present: pl.Series) -> _Guess:
    if (numbers := number_format(series)) is not None:
        return _formatted_guess(series, numbers)
    if reason := strays(series):
        return _Guess(stray_section(series), ignored_because=reason)
    nullable = (*single_value_lines(present), "nullable = true") if len(present) < len(series) else ()
    return _text_guess(series, present, (*nul_lines(present), *nullable))


def _why_ignored(series: pl.Series, present: pl.Series) -> str:
    dtype = series.dtype
    if not (dtype.is_integer() or dtype.is_float()) and not isinstance(dtype, _KNOWN):
        return f"a contract has no type for {dtype}"
    if not len(present) or (dtype == pl.String and are_markers(present).all()):
        return "empty in all rows"
    return "never varies" if present.n_unique() < 2 and len(present) == len(series) else ""


def _formatted_guess(series: pl.Series, found: Recognized) -> _Guess:
    numbers, _unreadable, missing = read_column(series, "float", Written(found.format))
    present = pl.Series(numbers[~missing])
    if (present.abs() > FLOAT32_MAX).any() or present.n_unique() < 2:
        return _Guess(ignored_because="never varies, or has too large numbers")
    nullable = (*marker_lines(series), "nullable = true") if missing.any() else ()
    return _Guess((*_numeric_lines(present), *format_lines(series, found), *sentinel_lines(present), *nullable))


def _as_times(series: pl.Series) -> tuple[Recognized | None] | None:
    """The format of a column of times, where None is ISO 8601; None for any other column."""
    if isinstance(series.dtype, pl.Date | pl.Datetime) or are_times(series, None):
        return (None,)
    return None if (found := time_format(series)) is None else (found,)


def _datetime_guess(
    series: pl.Series, written: tuple[Recognized | None], time: str | None, columns: Sequence[str]
) -> _Guess:
    (found,) = written
    seconds, unreadable, missing = read_column(series, "datetime", Written(found and found.format))
    if unreadable.any() or np.unique(seconds[~missing]).size < 2:
        return _Guess(ignored_because="never varies where it is not empty")
    parts = ("weekday", "hour") if np.unique(seconds[~missing] % 86_400 // 3_600).size > 1 else ("month", "weekday")
    if taken := [
        column for column in columns if column in {f"{series.name}.{each}" for each in (*parts, "elapsed_days")}
    ]:
        return _Guess(ignored_because=f"its parts would be named as the column {taken[0]!r} is; rename that one")
    nullable = (*marker_lines(series), "nullable = true") if missing.any() else ()
    days = day_sentinel_lines(seconds[~missing])
    return _Guess((*_datetime_lines(parts, time), *format_lines(series, found), *days, *nullable))


def _numeric_guess(present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    largest = max(abs(float(present.min())), abs(float(present.max())))  # type: ignore[arg-type]
    if present.dtype.is_integer() and largest > INT_MAX:
        return _Guess(ignored_because="whole numbers beyond 2^53 cannot be stored exactly; is it an id?")
    if largest > FLOAT32_MAX:
        return _Guess(ignored_because="has infinite or too large numbers; correct the file")
    return _Guess((*_numeric_lines(present), *number_lines(present), *sentinel_lines(present), *nullable))


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
    yield f"elapsed_days_since = {quoted(time or '2000-01-01')}"


def _text_guess(series: pl.Series, present: pl.Series, nullable: tuple[str, ...]) -> _Guess:
    levels = present.n_unique()
    kind = unreadable_kind(present)
    looks = "" if kind is None else f"; nearly all are {kind}"
    if levels > max(2, MAX_LEVEL_SHARE * len(present)):
        texts = f"{levels:,} different texts in {len(present):,} values"
        return _Guess(ignored_because=f"{texts}: an id or free text, and no category{looks}")
    lengths = series.cast(pl.String).str.strip_chars().str.len_chars().fill_null(0)
    if (long := np.flatnonzero(lengths > MAX_TEXT) + 1).size:
        return _Guess(ignored_because=f"has texts of more than {MAX_TEXT} characters: {rows_text(long)}")
    common = str(by_count(present)[0])
    markers = present.filter(are_markers(present))
    few = _level_lines(present)
    lines = [f'# a level is {counted(markers)}; where that means missing: missing = ["…"]'] if len(markers) else []
    read = "split by sets" if levels <= MOST_LEVELS_BY_SETS else "read as a rate and a frequency"
    lines.append(f"# {levels:,} level{'' if levels == 1 else 's'}, {read}{looks}")
    return _Guess(('dtype = "category"', f"example = {quoted(common)}", *few, *lines, *nullable))


def _level_lines(present: pl.Series) -> Iterator[str]:
    """The levels, where there are few and the file has enough records of each to know them all."""
    counts = Counter(composed(str(text).strip()) for text in present)
    cases = Counter(map(folded, counts))
    if len(cases) < len(counts):
        yield f"# levels that differ in case alone: {len(counts) - len(cases):,}; fold_case = true makes them one"
    if len(counts) <= MOST_LEVELS_BY_SETS and min(counts.values()) >= FEWEST_RECORDS_OF_A_LEVEL:
        yield "# add levels that may come: approvals of records with others become reviews where that matters;"
        yield '# unseen = "refuse" refuses such records, and unseen = "flag" only warns'
        yield f"levels = [{', '.join(map(quoted, sorted(counts)))}]"
    if len(counts) <= MOST_LEVELS_NAMED and all(map(_CODE.fullmatch, counts)):
        yield "# say what these codes mean, for reasons to say it too, and remove the # of the line:"
        named = ", ".join(f'{toml_key(level)} = "…"' for level in sorted(counts))
        yield f"# level_names = {{ {named} }}"


def _reason_lines(column: str, guess: _Guess, code: str) -> list[str]:
    if is_protected_name(column):
        return [PROTECTED_LINE]
    band = ": {band}" if any(f'dtype = "{dtype}"' in guess.lines for dtype in BANDED) else ""
    text = f"{column} is {{value}}{band}"  # a name has no braces
    return [f"reason = {{ code = {quoted(code)}, text = {quoted(text)} }}"]
