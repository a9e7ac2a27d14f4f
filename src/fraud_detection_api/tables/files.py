"""CSV and Parquet files, distinguished by suffix. A CSV's columns are text until a contract gives them types."""

import csv
import gzip
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple, TextIO

import polars as pl
from polars.io.plugins import register_io_source

from fraud_detection_api.errors import FraudError, InvalidDataset
from fraud_detection_api.tables.checking import rows_text
from fraud_detection_api.tables.csv_problems import (
    column_names,
    columns_text,
    kind_of_row,
    nameless,
    not_utf8,
    row_problems,
)
from fraud_detection_api.tables.formulas import guarded, unguarded, unguarded_names
from fraud_detection_api.tables.parquet import scan_parquet
from fraud_detection_api.tables.recognition import with_plain_types

_QUOTE_PROBLEMS = {  # by the csv module's message
    "unexpected end of data": "row {row} opens a quote that is never closed",
    "field larger than field limit": "a field in row {row} has no end; is a quote left open?",
}
_OTHER_QUOTE_PROBLEM = "row {row} has text after a closing quote; write a quote within quotes twice"


class Layout(NamedTuple):
    """A CSV file's column names, its number of records, and what separates its fields."""

    header: list[str]
    records: int
    separator: str


def layout_of(path: Path, separator: str | None = None) -> Layout:
    """The layout of a CSV file with that separator, or that of its header. Blank lines at its end are not records.

    Takes about half a second for a million rows of six columns. Raises InvalidDataset, with row numbers and no values: not
    UTF-8, empty, a repeated column, values in a column without a name, rows of another length, stray quotes; OSError where
    the file cannot be opened.
    """
    with _opened(path) as lines:
        hint = "; --separator names another" if separator is None else ""
        separator = _separator(lines, path, separator)
        rows = _rows(csv.reader(lines, strict=True, delimiter=separator), path)
        written = _header(rows, path)
        header = column_names(written, str(path))
        width, empty, unnamed = len(header), nameless(header), set[int]()
        odd = defaultdict[str, list[int]](list)
        last = 0
        for number, row in enumerate(rows, 1):
            if row:
                last = number
            if len(row) != width:
                odd[kind_of_row(row, width)].append(number)
            elif row == written and width > 1:
                odd["header"].append(number)
            elif empty:
                unnamed |= {position for position in empty if row[position].strip()}
    odd["blank"] = [number for number in odd["blank"] if number < last]
    found = row_problems(width, last, odd, f" (separated by {separator!r}{hint})")
    problems = [f"{text}: {rows_text(rows)}{what}" for text, rows, what in found]
    if unnamed:
        problems.append(
            f"{columns_text(sorted(unnamed))} of the header: no name, but values; name or remove what is there"
        )
    if problems:
        raise InvalidDataset(str(path), problems)
    return Layout(header, last, separator)


def _opened(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


_SEPARATORS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')


def separator_of(path: Path) -> str:
    """What separates the fields of a CSV file. Raises InvalidDataset."""
    with reading(path), _opened(path) as lines:
        return _separator(lines, path, None)


def _separator(lines: TextIO, path: Path, given: str | None) -> str:
    """The given one, or what separates the names in the header; the file is then read from its start again."""
    try:
        beginning = lines.read(_BEGINNING)
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    if "\n" not in beginning and "\r" in beginning:
        raise InvalidDataset(str(path), ["ends its lines with CR alone; save it with LF or CRLF as line ends"])
    lines.seek(0)
    header = next((line for line in re.split(r"[\r\n]+", beginning) if line), "")
    return given or max(_SEPARATORS, key=_QUOTED.sub("", header).count)


_BEGINNING = 1 << 20


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """The header, and every row after it. Raises InvalidDataset where text or quotes cannot be read."""
    read = 0
    try:
        for fields in reader:
            read += bool(fields or read)  # blank lines above the header are not rows
            yield fields
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    except csv.Error as error:
        texts = (text for message, text in _QUOTE_PROBLEMS.items() if message in str(error))
        problem = next(texts, _OTHER_QUOTE_PROBLEM).format(row=read) if read else "the header's quotes are not paired"
        raise InvalidDataset(str(path), [problem]) from None


def _header(rows: Iterator[list[str]], path: Path) -> list[str]:
    header = next((row for row in rows if row), None)
    if header is None:
        raise InvalidDataset(str(path), ["is empty"])
    return header


def header_of(path: Path, separator: str | None = None) -> list[str]:
    """The names of a CSV's columns as they are written. Raises InvalidDataset."""
    with reading(path, separator), _opened(path) as lines:
        return _header(_rows(csv.reader(lines, delimiter=_separator(lines, path, separator)), path), path)


SUFFIXES = (".csv", ".parquet")
_COMPRESSED = ".gz"
_ROW_NUMBERS = re.compile(r"(Unnamed: [0-9]+(\.[0-9]+)?|__index_level_[0-9]+__)?")


def is_row_number(column: str) -> bool:
    """Whether pandas writes row numbers under this name, or under none. They are never data."""
    return _ROW_NUMBERS.fullmatch(column) is not None


def read_file(path: Path, *, infer_types: bool = False, separator: str | None = None) -> pl.DataFrame:
    """The whole file. A CSV's columns are text, or with `infer_types` numbers and booleans where all values are.

    Raises InvalidDataset.
    """
    scan, rows = scan_file(path, separator)
    with reading(path, separator):
        frame = scan.collect()
    require_rows(path, frame.height, rows, separator)
    return with_plain_types(frame) if infer_types and is_csv(path) else frame


def scan_file(path: Path, separator: str | None = None) -> tuple[pl.LazyFrame, int]:
    """The file or folder of Parquet files, to be read in pieces with a CSV's columns as text, and its number of records.

    A CSV's `separator` is taken from its header unless it is given. Raises InvalidDataset.
    """
    _require_name(path)
    with reading(path, separator):
        if path.is_dir():
            return scan_parquet(path, sorted(path.rglob("*.parquet")))
        _require_file(path)
        if not is_csv(path):
            return scan_parquet(path, [path])
        header, records, separator = layout_of(path, separator)
        scan = pl.scan_csv(path, infer_schema=False, n_rows=records, separator=separator, glob=False)
        return _as_meant(scan, header), records


def is_csv(path: Path) -> bool:
    """Whether it is a CSV file, by its name, and not Parquet."""
    return _suffix(path) == ".csv"


def _suffix(path: Path) -> str:
    """In small letters, of what is compressed where it is."""
    name = path.name.lower().removesuffix(_COMPRESSED)
    return Path(name).suffix


def _as_meant(scan: pl.LazyFrame, header: list[str]) -> pl.LazyFrame:
    """A CSV's columns without the apostrophes that keep spreadsheets from running a text.

    Polars leaves quotes within a quoted name written twice, so the names are those of `header`.
    """
    # where Polars finds other line ends and so another header, the count of records differs too, and is an error
    written = scan.collect_schema().names()
    dropped = [written[position] for position in nameless(header) if position < len(written)]
    names = dict(zip(written, unguarded_names(header), strict=False))
    texts = pl.col(pl.String).map_batches(unguarded, return_dtype=pl.String(), is_elementwise=True)
    renamed = {name: meant for name, meant in names.items() if meant != name and name not in dropped}
    return scan.drop(dropped).rename(renamed).with_columns(texts)


def require_rows(path: Path, read: int, expected: int, separator: str | None = None) -> None:
    """Raise InvalidDataset unless all records were read. Polars takes a quote in an unquoted field for an opening one."""
    if read != expected:
        problem = f"of {expected} records {read} were read; did the file change meanwhile?"
        raise InvalidDataset(str(path), [_quote_problem(path, separator) or problem])


def _quote_problem(path: Path, separator: str | None) -> str | None:
    """Where a field that is not in quotes has a quote, if one has."""
    if not is_csv(path) or (row := _row_of_bare_quote(path, separator)) is None:
        return None
    where = f"row {row}" if row else "the header"
    return f'{where} has a quote in a field that is not in quotes; write "…" around the field, and that quote twice'


def _noted(lines: Iterable[str], record: list[str]) -> Iterator[str]:
    """The lines, each of which is added to the record first."""
    for line in lines:
        record.append(line)
        yield line


def _row_of_bare_quote(path: Path, separator: str | None) -> int | None:
    """The first record with a quote in a field that is not in quotes; 0 for the header."""
    record: list[str] = []
    with _opened(path) as lines:
        separator = _separator(lines, path, separator)
        field = rf'(?:"(?:[^"]|"")*"|[^"{re.escape(separator)}\r\n]*)'
        well_formed = re.compile(rf"{field}(?:{re.escape(separator)}{field})*[\r\n]*")
        reader = csv.reader(_noted(lines, record), delimiter=separator)
        for number, _fields in enumerate(fields for fields in reader if fields):
            if not well_formed.fullmatch("".join(record).lstrip("\r\n")):
                return number
            record.clear()
    return None


@contextmanager
def reading(path: Path, separator: str | None = None) -> Iterator[None]:
    """Turn errors of reading `path` into InvalidDataset. A library's message is left out, because it may quote the file."""
    try:
        yield
    except FileNotFoundError:
        raise InvalidDataset(str(path), ["no such file"]) from None
    except pl.exceptions.NoDataError:
        raise InvalidDataset(str(path), ["is empty"]) from None
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        kind = "UTF-8 CSV with a header line" if is_csv(path) else "Parquet"
        quotes = _quote_problem(path, separator) if isinstance(error, pl.exceptions.PolarsError) else None
        raise InvalidDataset(str(path), [quotes or f"cannot be read as {kind} ({type(error).__name__})"]) from None


_OTHER_KINDS = {
    ".xlsx": "is an Excel workbook; save its sheet as CSV (UTF-8)",
    ".xls": "is an Excel workbook; save its sheet as CSV (UTF-8)",
    ".zst": "is compressed; `zstd -d` makes a .csv of it, which can be read, as a .csv.gz can",
    ".zip": "is compressed; unpack it, or compress it with gzip",
    ".bz2": "is compressed; unpack it, or compress it with gzip",
}


def require_suffix(path: Path) -> None:
    """Raise InvalidDataset unless the name ends in .csv or .parquet, as a file that is written must."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidDataset(str(path), ["name the file .csv or .parquet; the suffix decides how it is written"])


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def _require_name(path: Path) -> None:
    """Raise InvalidDataset for an address, which is not repeated because it may hold a credential, and for no text."""
    if _ADDRESS.match(str(path)):
        raise InvalidDataset(
            "an address", ["`fraud score` alone reads object storage; copy the file to this machine first"]
        )
    if (name := shown_name(path)) != str(path):
        raise InvalidDataset(name, ["its name is not UTF-8; give it another one"])


def shown_name(path: Path | str) -> str:
    r"""A name as text, though it may not be UTF-8.

    >>> shown_name("a\udcff.csv")
    'a\\xff.csv'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _require_file(path: Path) -> None:
    """Raise InvalidDataset unless the path may be a file of records: a pipe ends when it has been read once, or never."""
    if path.suffix.lower() in _OTHER_KINDS:
        raise InvalidDataset(str(path), [_OTHER_KINDS[path.suffix.lower()]])
    if _suffix(path) not in SUFFIXES or (path.suffix.lower() == _COMPRESSED and not is_csv(path)):
        raise InvalidDataset(str(path), ["name the file .csv, .csv.gz or .parquet; the suffix decides how it is read"])
    if path.exists() and not path.is_file():
        raise InvalidDataset(str(path), ["is not a file, and could not be read more than once"])


def write_frame(frame: pl.DataFrame, target: Path) -> None:
    """Write a frame to a CSV or Parquet file, by suffix."""
    guarded(frame).write_csv(target) if is_csv(target) else frame.write_parquet(target)


def write_frames(frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType], target: Path) -> None:
    """Write frames to a CSV or Parquet file, by suffix. An error in making a frame is raised unchanged."""
    if is_csv(target):
        _sink(map(guarded, frames), guarded(pl.DataFrame(schema=schema)).schema, target)
    else:
        _sink(frames, pl.Schema(schema), target)


def _sink(frames: Iterator[pl.DataFrame], schema: pl.Schema, target: Path) -> None:
    failure: list[FraudError] = []
    stopping = Event()

    def pieces(*_pushdown: object) -> Iterator[pl.DataFrame]:
        try:
            for frame in frames:
                if stopping.is_set():
                    return
                yield frame
        except FraudError as error:
            failure.append(error)  # Polars would wrap it, and lose its message
            raise

    source = register_io_source(pieces, schema=schema)
    sink = source.sink_csv if is_csv(target) else source.sink_parquet
    # Python handles signals in its main thread, and not while that thread is inside Polars
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            pool.submit(sink, target).result()
        except pl.exceptions.PolarsError as error:
            raise (failure[0] if failure else error) from None
        finally:
            stopping.set()  # after a signal, wait for the current piece alone
