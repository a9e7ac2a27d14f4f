"""CSV and Parquet files, told apart by suffix; text stays text until the contract says what it is."""

from pathlib import Path

import polars as pl

from fraud_detection_api.errors import InvalidDataset

SUFFIXES = (".csv", ".parquet")
UNNAMED = ""  # the column under which pandas writes its row numbers; never data


def read_file(path: Path, *, infer_types: bool = False) -> pl.DataFrame:
    """The whole file. A CSV's columns are text; with `infer_types`, numbers and booleans are told apart from text.

    Raises InvalidDataset where it cannot be read.
    """
    require_suffix(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if infer_types:
            return pl.read_csv(path, infer_schema_length=None)
        return pl.read_csv(path, infer_schema=False)
    except FileNotFoundError:
        raise InvalidDataset(str(path), ["no such file"]) from None
    except pl.exceptions.NoDataError:
        raise InvalidDataset(str(path), ["is empty"]) from None
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> InvalidDataset:
    """What is told of a file that Polars gave up on; its message may quote the file, so it is not passed on."""
    kind = "Parquet" if path.suffix == ".parquet" else "UTF-8 CSV with a header line"
    return InvalidDataset(str(path), [f"cannot be read as {kind} ({type(error).__name__})"])


def unwritable(path: Path, error: OSError) -> InvalidDataset:
    """What is told of a file that cannot be written; Polars' own errors carry no `strerror`."""
    reason = "no such folder" if isinstance(error, FileNotFoundError) else error.strerror or type(error).__name__
    return InvalidDataset(str(path), [f"cannot be written: {reason}"])


def require_suffix(path: Path) -> None:
    """Raise InvalidDataset unless the name ends in .csv or .parquet."""
    if path.suffix not in SUFFIXES:
        raise InvalidDataset(str(path), ["name the file .csv or .parquet; the suffix tells how it is read"])
