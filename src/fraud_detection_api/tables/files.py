"""CSV and Parquet files, distinguished by suffix. A CSV's columns are text until a contract gives them types."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.csv_layout import count_records

SUFFIXES = (".csv", ".parquet")
UNNAMED = ""  # the column under which pandas writes its row numbers; never data


def read_file(path: Path, *, infer_types: bool = False) -> pl.DataFrame:
    """The whole file. A CSV's columns are text, or with `infer_types` numbers and booleans where all values are.

    Raises InvalidDataset.
    """
    require_suffix(path)
    with reading(path):
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        rows = count_records(path)
        types = {"infer_schema_length": None} if infer_types else {"infer_schema": False}
        frame = pl.read_csv(path, n_rows=rows, **types)
    require_rows(path, frame.height, rows)
    return frame


def scan_file(path: Path) -> tuple[pl.LazyFrame, int]:
    """The file, to be read in pieces with a CSV's columns as text, and its number of records.

    Raises InvalidDataset.
    """
    require_suffix(path)
    with reading(path):
        if path.suffix == ".csv":
            rows = count_records(path)
            return pl.scan_csv(path, infer_schema=False, n_rows=rows), rows
        scan = pl.scan_parquet(path)
        return scan, int(scan.select(pl.len()).collect().item())


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
