"""CSV and Parquet files, distinguished by suffix. A CSV's columns are text until a contract gives them types."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import polars as pl
from polars.io.plugins import register_io_source

from fraud_detection_api.errors import FraudError, InvalidDataset
from fraud_detection_api.tables.checking import rows_text
from fraud_detection_api.tables.formulas import guarded, unguarded, unguarded_names

_QUOTE_PROBLEMS = {  # by the csv module's message
    "unexpected end of data": "row {row} opens a quote that is never closed",
    "field larger than field limit": "a field in row {row} has no end; is a quote left open?",
}
_OTHER_QUOTE_PROBLEM = "row {row} has text after a closing quote; write a quote within quotes twice"


def header_and_count(path: Path) -> tuple[list[str], int]:
    """A CSV file's column names, and the number of its records. Blank lines at its end are not records.

    Takes about half a second for a million rows of six columns. Raises InvalidDataset, with row numbers and no values: not
    UTF-8, empty, a repeated column, rows of another length, stray quotes; OSError where the file cannot be opened.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = _rows(csv.reader(lines, strict=True), path)
        header = _header(rows, path)
        width = len(header)
        short: list[int] = []
        long: list[int] = []
        blank: list[int] = []
        last = 0
        for number, row in enumerate(rows, 1):
            if len(row) == width:
                last = number
            elif not row:
                blank.append(number)
            else:
                last = number
                (short if len(row) < width else long).append(number)
    lengths = {"fewer": sorted(short + [number for number in blank if number < last]), "more": long}
    if problems := [
        f"{length} fields than the header's {width}: {rows_text(numbers)}"
        for length, numbers in lengths.items()
        if numbers
    ]:
        raise InvalidDataset(str(path), problems)
    return header, last


def _rows(reader: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """The header, and every row after it. Raises InvalidDataset where text or quotes cannot be read."""
    read = 0
    try:
        for fields in reader:
            read += bool(fields or read)  # blank lines above the header are not rows
            yield fields
    except UnicodeDecodeError:
        raise InvalidDataset(str(path), ["is not UTF-8; save it as UTF-8"]) from None
    except csv.Error as error:
        texts = (text for message, text in _QUOTE_PROBLEMS.items() if message in str(error))
        problem = next(texts, _OTHER_QUOTE_PROBLEM).format(row=read) if read else "the header's quotes are not paired"
        raise InvalidDataset(str(path), [problem]) from None


def _header(rows: Iterator[list[str]], path: Path) -> list[str]:
    header = next((row for row in rows if row), None)
    if header is None:
        raise InvalidDataset(str(path), ["is empty"])
    if len(header) == 1:
        for separator, name in ((";", "';'"), ("\t", "tabs")):
            if separator in header[0]:
                raise InvalidDataset(str(path), [f"the header has no comma; is it separated by {name}?"])
    if repeated := [name for name, count in Counter(header).items() if count > 1]:
        listed = ", ".join(repr(name) for name in repeated)
        raise InvalidDataset(str(path), [f"the header repeats {listed}; give every column its own name"])
    return header


SUFFIXES = (".csv", ".parquet")
UNNAMED = ""  # the column under which pandas writes its row numbers; never data


def read_file(path: Path, *, infer_types: bool = False) -> pl.DataFrame:
    """The whole file. A CSV's columns are text, or with `infer_types` numbers and booleans where all values are.

    Raises InvalidDataset.
    """
    _require_file(path)
    with reading(path):
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        header, rows = header_and_count(path)
        types = {"infer_schema_length": None} if infer_types else {"infer_schema": False}
        frame = _as_meant(pl.read_csv(path, n_rows=rows, **types).lazy(), header).collect()
    require_rows(path, frame.height, rows)
    return frame


def scan_file(path: Path) -> tuple[pl.LazyFrame, int]:
    """The file, to be read in pieces with a CSV's columns as text, and its number of records.

    Raises InvalidDataset.
    """
    _require_file(path)
    with reading(path):
        if path.suffix == ".csv":
            header, rows = header_and_count(path)
            return _as_meant(pl.scan_csv(path, infer_schema=False, n_rows=rows), header), rows
        scan = pl.scan_parquet(path)
        return scan, int(scan.select(pl.len()).collect().item())


def _as_meant(scan: pl.LazyFrame, header: list[str]) -> pl.LazyFrame:
    """A CSV's columns without the apostrophes that keep spreadsheets from running a text.

    Polars leaves quotes within a quoted name written twice, so the names are those of `header`.
    """
    # where Polars finds other line ends and so another header, the count of records differs too, and is an error
    names = dict(zip(scan.collect_schema().names(), unguarded_names(header), strict=False))
    texts = pl.col(pl.String).map_batches(unguarded, return_dtype=pl.String(), is_elementwise=True)
    return scan.rename({name: meant for name, meant in names.items() if meant != name}).with_columns(texts)


def require_rows(path: Path, read: int, expected: int) -> None:
    """Raise InvalidDataset unless all records were read. Polars takes a quote in an unquoted field for an opening one."""
    if read != expected:
        problem = (
            f'of {expected} records {read} were read; put a field that contains " in quotes, and write that " twice'
        )
        raise InvalidDataset(str(path), [problem])


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of reading `path` into InvalidDataset. A library's message is left out, because it may quote the file."""
    try:
        yield
    except FileNotFoundError:
        raise InvalidDataset(str(path), ["no such file"]) from None
    except pl.exceptions.NoDataError:
        raise InvalidDataset(str(path), ["is empty"]) from None
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        kind = "Parquet" if path.suffix == ".parquet" else "UTF-8 CSV with a header line"
        raise InvalidDataset(str(path), [f"cannot be read as {kind} ({type(error).__name__})"]) from None


def require_suffix(path: Path) -> None:
    """Raise InvalidDataset unless the name ends in .csv or .parquet."""
    if path.suffix not in SUFFIXES:
        raise InvalidDataset(str(path), ["name the file .csv or .parquet; the suffix decides how it is read"])


def _require_file(path: Path) -> None:
    """Raise InvalidDataset unless the path may be a file of records: a pipe ends when it has been read once, or never."""
    require_suffix(path)
    if path.exists() and not path.is_file():
        raise InvalidDataset(str(path), ["is not a file, and could not be read more than once"])


def write_frame(frame: pl.DataFrame, target: Path) -> None:
    """Write a frame to a CSV or Parquet file, by suffix."""
    frame.write_parquet(target) if target.suffix == ".parquet" else guarded(frame).write_csv(target)


def write_frames(frames: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType], target: Path) -> None:
    """Write frames to a CSV or Parquet file, by suffix. An error in making a frame is raised unchanged."""
    if target.suffix == ".parquet":
        _sink(frames, pl.Schema(schema), target)
    else:
        _sink(map(guarded, frames), guarded(pl.DataFrame(schema=schema)).schema, target)


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
    sink = source.sink_parquet if target.suffix == ".parquet" else source.sink_csv
    # Python handles signals in its main thread, and not while that thread is inside Polars
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            pool.submit(sink, target).result()
        except pl.exceptions.PolarsError as error:
            raise (failure[0] if failure else error) from None
        finally:
            stopping.set()  # after a signal, wait for the current piece alone
