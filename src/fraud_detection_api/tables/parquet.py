"""Parquet files as one table: whole and fractional numbers are merged, other differences are errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.tables.csv_problems import column_names

_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_SHOWN = 10  # differences of files


def scan_parquet(path: Path, files: Sequence[Path]) -> tuple[pl.LazyFrame, int]:
    """The files at or below `path` and their number of records. Raises InvalidDataset where their columns differ."""
    if not files:
        raise InvalidDataset(str(path), ["is a folder without Parquet files"])
    schemas = [parquet_schema(file) for file in files]
    first = schemas[0]
    problems = [
        f"{file.relative_to(path)} {problem} in {files[0].relative_to(path)}"
        for file, schema in zip(files[1:], schemas[1:], strict=True)
        for problem in _differences(schema, first)
    ]
    if problems:
        more = [f"and {len(problems) - _SHOWN:,} more differences"] if len(problems) > _SHOWN else []
        raise InvalidDataset(str(path), [*problems[:_SHOWN], *more])
    if all(list(schema.items()) == list(first.items()) for schema in schemas):
        scan = pl.scan_parquet(list(files), glob=False)
    else:
        # two enumerations have no type in common but text
        columns = [
            pl.col(name).cast(pl.String) if isinstance(dtype, _TEXTS) else pl.col(name) for name, dtype in first.items()
        ]
        scan = pl.concat([pl.scan_parquet(file, glob=False).select(columns) for file in files], how="vertical_relaxed")
    names = dict(zip(first, column_names(list(first), str(path)), strict=True))
    scan = scan.rename({written: name for written, name in names.items() if written != name})
    return scan, int(scan.select(pl.len()).collect().item())


def parquet_schema(path: Path) -> pl.Schema:
    """The columns and types of a file. Brackets in its name are a part of the name."""
    return pl.scan_parquet(path, glob=False).collect_schema()


def _differences(schema: Mapping[str, pl.DataType], first: Mapping[str, pl.DataType]) -> list[str]:
    missing = [f"has no column {name!r}, which is" for name in first if name not in schema]
    more = [f"has a column {name!r}, which is not" for name in schema if name not in first]
    types = [
        f"has {name!r} as {schema[name]}, which is {dtype}"
        for name, dtype in first.items()
        if name in schema and not _merge(schema[name], dtype)
    ]
    return [*missing, *more, *types]


def _merge(one: pl.DataType, other: pl.DataType) -> bool:
    """Whether values of both types can be in one column."""
    return (
        one == other
        or pl.Null in (one, other)
        or (one.is_numeric() and other.is_numeric())
        or (isinstance(one, _TEXTS) and isinstance(other, _TEXTS))
        or (isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime) and one.time_zone == other.time_zone)
    )
