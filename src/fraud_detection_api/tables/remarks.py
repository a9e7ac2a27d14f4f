"""What a draft says about a column's values, beside what it declares: counts, other readings, strays."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import epoch_seconds
from fraud_detection_api.contract.written import CURRENCY, NUMBER_FORMATS, Written
from fraud_detection_api.tables.checking import ROWS_SHOWN
from fraud_detection_api.tables.reading import are_markers, read_column
from fraud_detection_api.tables.recognition import (
    PLAIN_NUMBER,
    Nearly,
    Recognized,
    are_iso,
    nearly_all,
    present_texts,
    sounds_like_time,
)

_MAY_MEAN_MISSING = (
    (-1, -7, -8, -9, -99, -999, -9999, -99_999, -999_999),
    (999, 9999, 99_999, 999_999, 9_999_999, 99_999_999, 999_999_999),
)
_FAR = 10  # times the range of all other values
_DAYS_FOR_NONE = (("0001-01-01", "1900-01-01", "1970-01-01"), ("2099-12-31", "9999-12-31", "9999-12-31T23:59:59"))
_YEAR_SECONDS = 365 * 86_400
_FEWEST = 2
_LEAST_SHARE = 0.01
_WORDS_SHOWN = 3
_WORD_LENGTH = 20
_EXCEL_DAYS = (32_874, 54_789)  # from 1990 to 2050


_HARDLY = 3  # a footer has fewer values than the other rows, by this factor
_FOOTER = re.compile(
    r"^(grand |sub)?totals?\b|^(sum|summe|somme)\b|\b(rows|records) (exported|selected|affected|returned)",
    re.IGNORECASE,
)


def quoted(text: str) -> str:
    """A text in TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML escapes it, and JSON does not


def toml_key(name: str) -> str:
    """A name as a key in TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def counted(texts: pl.Series) -> str:
    """Each different text with its count, the most frequent first.

    >>> counted(pl.Series(["a", "b", "a"]))
    '"a" (2), "b" (1)'
    """
    counts = texts.alias("text").value_counts().sort("count", "text", descending=[True, False])
    return ", ".join(f"{quoted(text)} ({count:,})" for text, count in counts.iter_rows())


def marker_lines(series: pl.Series) -> tuple[str, ...]:
    """A comment that counts the texts that are read as missing values."""
    if series.dtype != pl.String:
        return ()
    texts = series.str.strip_chars()
    found = texts.filter(are_markers(texts) & (texts != ""))
    return (f"# missing where it says {counted(found)}",) if len(found) else ()


def single_value_lines(present: pl.Series) -> tuple[str, ...]:
    """A comment on a column of one value, which tells records apart where others have none."""
    if present.n_unique() > 1:
        return ()
    rows = f"{len(present):,} row{'' if len(present) == 1 else 's'}"
    value = present[0] if present.dtype.is_numeric() else quoted(str(present[0]).strip())
    return (f"# one value, {value}, in {rows}, else empty",)


def nul_lines(present: pl.Series) -> tuple[str, ...]:
    """A comment on texts with a character that nobody sees."""
    rows = int(present.cast(pl.String).str.contains("\\x00").sum())
    return (f"# NUL characters in {rows:,} row{'' if rows == 1 else 's'}: correct the file",) if rows else ()


def number_lines(present: pl.Series) -> Iterator[str]:
    """Comments on numbers whose name says that they are days, or codes."""
    if sounds_like_time(present.name) and bool(present.is_between(*_EXCEL_DAYS).all()):
        yield '# days of Excel? subtract 25569 in the file, and declare a datetime with format = "days"'
    if present.dtype.is_integer() and (
        _CODE.search(present.name) or (_KEY.search(present.name) and present.n_unique() < _FEW_KEYS)
    ):
        yield "# a code? declare a category"


_CODE = re.compile("code|(^|_)(mcc|zip|plz)($|_)", re.IGNORECASE)
_KEY = re.compile("_(id|ID)$|[a-z]I[dD]$")
_FEW_KEYS = 200  # more name records


def sentinel_lines(numbers: pl.Series) -> Iterator[str]:
    """Comments on numbers such as -999 that may mean a missing value: frequent ones, far from all others."""
    numbers = numbers.cast(pl.Float64)
    for candidates in _MAY_MEAN_MISSING:
        found = _frequent(numbers, candidates)
        others = numbers.filter(~numbers.is_in([float(number) for number in found]))
        if not found or others.n_unique() < _FEWEST:
            continue
        low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
        if candidates[0] < 0:
            apart, bound = {number for number in found if low >= 0 or number < _FAR * low}, f"{min(low, 0):g} or more"
        else:
            apart, bound = {number for number in found if number > _FAR * max(high, 0)}, f"{high:g} or less"
        yield from _may_mean_missing({str(number): found[number] for number in found if number in apart}, bound)


def day_sentinel_lines(seconds: NDArray[np.float64], *, is_time: bool = False) -> Iterator[str]:
    """The same for days such as 9999-12-31, from times in seconds since 1970, float64 (n,).

    A record's time cannot be missing.
    """
    for texts, bound in zip(_DAYS_FOR_NONE, ("later", "earlier"), strict=True):
        days = {epoch_seconds(datetime.fromisoformat(text)): text for text in texts}
        found = _frequent(pl.Series(seconds), list(days))
        others = seconds[~np.isin(seconds, list(found))]
        if not found or not others.size:
            continue
        gap = others.min() - max(found) if bound == "later" else min(found) - others.max()
        if gap > _YEAR_SECONDS:
            yield from _may_mean_missing({days[day]: count for day, count in found.items()}, bound, is_time=is_time)


def _frequent(values: pl.Series, candidates: Sequence[float]) -> dict[float, int]:
    counts = {candidate: int((values == candidate).sum()) for candidate in candidates}
    return {each: count for each, count in counts.items() if count >= max(_FEWEST, _LEAST_SHARE * len(values))}


def _may_mean_missing(counts: dict[str, int], bound: str, *, is_time: bool = False) -> Iterator[str]:
    if counts:
        rows = " and ".join(f"{text} in {count:,} rows" for text, count in counts.items())
        fix = "leave these rows out" if is_time else f"missing = {json.dumps(list(counts))} and nullable = true"
        yield f"# {rows}, and all other values are {bound}; if that means missing: {fix}"


def format_lines(series: pl.Series, found: Recognized | None) -> Iterator[str]:
    """The format, and comments: how many values are written so, by an example, and how else they can be read."""
    if found is None:
        return
    if series.dtype == pl.String:
        yield from _written_lines(present_texts(series), found)
    elif len(plain := series.drop_nulls().drop_nans() if series.dtype.is_float() else series.drop_nulls()):
        written = f'written as in "{plain[0]}"' if plain.dtype.is_integer() else "numbers"
        yield f"# {len(plain):,} values are {written}; requests have ISO 8601"
    if found.format == "days" and bool(series.drop_nulls().is_between(*_EXCEL_DAYS).all()):
        yield "# if these are days of Excel, counted from 1899-12-30, subtract 25569 in the file: here they count from 1970"
    if found.other is not None:
        yield f"# a guess: the values can be {quoted(found.other)} as well"
    if "%y" in found.format:
        yield "# years 70 to 99 are 1970 to 1999, and 00 to 69 are 2000 to 2069; where that is wrong, write four digits"
    yield f"format = {quoted(found.format)}"


def _written_lines(texts: pl.Series, found: Recognized) -> Iterator[str]:
    number = NUMBER_FORMATS.get(found.format)
    plain = are_iso(texts) if number is None else texts.str.contains(PLAIN_NUMBER)
    shown, others = texts.filter(~plain), int(plain.sum())
    requests = "; requests have ISO 8601" if number is None else f": {number.example}; requests have the plain number"
    yield f"# {len(shown):,} values are written as in {quoted(str(shown[0]))}{requests}"
    if others and found.format.startswith("percent"):
        yield f"# {others:,} more lack the sign, and are read as if they had it: 0.587 is 0.587 %"
    elif others:
        yield f"# {others:,} more are {'in ISO 8601' if number is None else 'plain numbers'}"
    if found.format.startswith("currency"):
        currencies = texts.str.extract(f"({CURRENCY})").drop_nulls()
        if currencies.n_unique() > 1:
            yield f"# values in {counted(currencies)} are read as one unit; convert them first"


def folder_remarks(path: Path) -> list[str]:
    """What a draft says about a folder of Parquet: names such as `day=1`, where other programs keep a column."""
    folders = [part for file in path.rglob("*.parquet") for part in file.relative_to(path).parts[:-1]]
    names = sorted({f"{part.partition('=')[0]}=…" for part in folders if "=" in part})
    listed = ", ".join(map(quoted, names))
    return [f"Folders are named {listed}: not read; write the column into the files to use it."] if names else []


def footer_lines(frame: pl.DataFrame) -> Iterator[str]:
    """A comment where the last row looks like a total or a footer: hardly any cell has a value, or one says so."""
    cells = [str(value).strip() for value in frame.row(-1) if value is not None]
    usual = frame.width - sum(column.null_count() for column in frame) / frame.height
    if len(cells) < usual / _HARDLY or any(_FOOTER.search(cell) for cell in cells if cell):
        yield "# The last row looks like a total or a footer: remove it if it is not a record."


def second_header_lines(frame: pl.DataFrame) -> Iterator[str]:
    """A comment where the first row has words above columns of numbers, as a row of units or a second header has."""
    texts = [column.str.strip_chars() for column in frame if column.dtype == pl.String and len(column) > _FEWEST]
    plain = [text.str.contains(PLAIN_NUMBER) | are_markers(text) for text in texts]
    if sum(fits[0] is False and bool(fits[1:].all()) and not fits[1:].is_null().all() for fits in plain) >= _FEWEST:
        yield "# Row 1 looks like a second header, or names units: remove it."


def strays(series: pl.Series) -> str:
    """The reason to ignore a text column that is nearly all numbers or times; empty for any other column."""
    nearly = nearly_all(series)
    if nearly is None or nearly.fits.all():
        return ""
    rows = np.flatnonzero(~nearly.fits.to_numpy()) + 1
    present = len(present_texts(series))
    shown = ", ".join([*map(str, rows[:ROWS_SHOWN]), *(["…"] if rows.size > ROWS_SHOWN else [])])
    where = f"the other is in row {shown}" if rows.size == 1 else f"the others are in rows {shown}"
    return (
        f"{present - rows.size:,} of {present:,} values are {nearly.kind}; {where}: correct the file, declare a category, "
        f"or, if they mean missing, declare {_declared(nearly, series)}{_also_missing(nearly, series)}"
    )


def _also_missing(nearly: Nearly, series: pl.Series) -> str:
    if nearly.kind == "times":
        return ""
    numbers = read_column(series.filter(nearly.fits), "float", Written(nearly.format))[0]
    return "".join(line.replace("# ", "; ", 1) for line in sentinel_lines(pl.Series(numbers).drop_nans()))


def stray_section(series: pl.Series) -> tuple[str, ...]:
    """The lines of a table for a column with strays, if they mean missing."""
    nearly = nearly_all(series)
    if nearly is None:
        return ()
    dtype = ('dtype = "datetime"', 'parts = ["month", "weekday"]') if nearly.kind == "times" else ('dtype = "float"',)
    format_ = () if nearly.format is None else (f"format = {quoted(nearly.format)}",)
    return (*dtype, *format_, _missing_of(nearly, series), "nullable = true")


def _missing_of(nearly: Nearly, series: pl.Series) -> str:
    words = series.filter(~nearly.fits).str.strip_chars().unique().sort().to_list()
    few = len(words) <= _WORDS_SHOWN and all(len(word) <= _WORD_LENGTH for word in words)
    return f"missing = [{', '.join(map(quoted, words)) if few else quoted('…')}]"


def _declared(nearly: Nearly, series: pl.Series) -> str:
    dtype = "a time" if nearly.kind == "times" else "a number"
    format_ = "" if nearly.format is None else f"format = {quoted(nearly.format)}, "
    return f"{dtype} with {format_}{_missing_of(nearly, series)} and nullable = true"
