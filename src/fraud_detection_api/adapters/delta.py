"""Delta tables, on a disk or in object storage: the files of one version, and new files in one commit. Extra `delta`."""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from fraud_detection_api.errors import FilesUnavailable, InvalidDataset, MissingExtra
from fraud_detection_api.services.batch.places import EVERYTHING, Part, Place, matches

_FEATURES = {"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors", "columnMapping"}
"""What readers of a table must know, and this one does; of the last two, only that they are not in use."""

_OTHER_TYPES: dict[type[pl.DataType], pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.Categorical: pl.String(),
    pl.Enum: pl.String(),
    pl.Null: pl.String(),
}
"""What a column is in a Delta table, which lacks its type."""

_NO_TYPE = (pl.UInt64, pl.UInt128, pl.Int128, pl.Duration, pl.Time, pl.Object)


@dataclass(frozen=True, slots=True)
class DeltaLocation:
    """Where a table is: its folder as a `place`, and the `uri` and `options` by which deltalake finds it."""

    place: Place
    uri: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.place)

    def table(self, version: int | None = None) -> Any:
        """The table at that version, or at its latest one; None where there is none.

        Raises MissingExtra without the extra `delta`, FilesUnavailable where storage does not answer, InvalidDataset for a
        table that cannot be read.
        """
        try:
            from deltalake import DeltaTable  # noqa: PLC0415 the extra
            from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415
        except ModuleNotFoundError:
            raise MissingExtra("delta", "a Delta table") from None
        self.place.read("_delta_log/_last_checkpoint")  # says why storage cannot be used, which deltalake would not
        try:
            with self.failures("cannot be read as a Delta table"):
                return DeltaTable(self.uri, version=version, storage_options=dict(self.options))
        except TableNotFoundError:
            return None

    @contextmanager
    def failures(self, problem: str) -> Iterator[None]:
        """Raise the system's errors as FilesUnavailable, and deltalake's as InvalidDataset, but where there is no table.

        The library's text is left out: it holds addresses and traces.
        """
        from deltalake.exceptions import DeltaError, TableNotFoundError  # noqa: PLC0415

        try:
            yield
        except TableNotFoundError:
            raise
        except OSError as error:
            raise FilesUnavailable(str(self), f"{problem} ({type(error).__name__})") from None
        except (DeltaError, ValueError) as error:
            raise InvalidDataset(str(self), [f"{problem} ({type(error).__name__})"]) from None


@dataclass(frozen=True, slots=True)
class DeltaFile:
    """A live file of a table, with the values that its partition has in every row: they are in the log alone."""

    part: Part
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeltaFiles:
    """The live files of one `version` of a table, as a place that is read only, with the table's `schema`."""

    location: DeltaLocation
    version: int
    schema: Mapping[str, pl.DataType]
    files: Mapping[str, DeltaFile]

    @classmethod
    def of(cls, location: DeltaLocation, version: int | None = None) -> "DeltaFiles":
        """The files of that version, or of the latest one.

        Raises as `DeltaLocation.table`, and InvalidDataset where there is no table, and for one that would be read wrongly:
        deleted rows in deletion vectors, columns under other names, files elsewhere, features that are not known here.
        """
        table = location.table(version)
        if table is None:
            raise InvalidDataset(str(location), ["is no Delta table"])
        with location.failures("cannot be read as a Delta table"):
            _require_readable(table, str(location))
        partitioned = table.metadata().partition_columns
        files = [_file(row, partitioned) for row in _live(table)]
        if any("://" in file.part.name or file.part.name.startswith("/") for file in files):
            raise InvalidDataset(str(location), ["has files of another table (a shallow clone); copy it first"])
        schema = pl.Schema(table.schema().to_arrow())
        return cls(location, table.version(), schema, {file.part.name: file for file in files})

    def __str__(self) -> str:
        return f"{self.location} (version {self.version})"

    def parts(self, pattern: str = EVERYTHING) -> list[Part]:
        return [self.files[name].part for name in sorted(self.files) if matches(name, pattern)]

    def fetched(self, name: str) -> AbstractContextManager[Path]:
        return self.location.place.fetched(name)

    def written(self, name: str) -> AbstractContextManager[Path]:
        raise InvalidDataset(
            f"{self.location}/{name}", ["a version of a Delta table does not change; write to another place"]
        )

    def read(self, name: str) -> bytes | None:
        return self.location.place.read(name)

    def claimed(self) -> AbstractContextManager[None]:
        return nullcontext()

    def constants(self, name: str, held: Collection[str]) -> dict[str, pl.Expr]:
        values = self.files[name].values
        return {
            column: pl.lit(values.get(column), dtype=dtype)
            for column, dtype in self.schema.items()
            if column in values or column not in held
        }


def _live(table: Any) -> Iterator[dict[str, Any]]:
    """What the log says of each file of the table's version."""
    return pl.DataFrame(table.get_add_actions(flatten=True)).iter_rows(named=True)


def _path(row: Mapping[str, Any]) -> str:
    return unquote(row["path"])


def _file(row: Mapping[str, Any], partitioned: Collection[str]) -> DeltaFile:
    part = Part(_path(row), row["size_bytes"], f"{row['modification_time']}-{row['size_bytes']}")
    return DeltaFile(part, {column: row[f"partition.{column}"] for column in partitioned})


def _require_readable(table: Any, source: str) -> None:
    features = set(table.protocol().reader_features or ())
    problems = []
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        problems.append("its files have other column names (delta.columnMapping.mode); write it anew without")
    if "deletionVectors" in features and any(batch.num_rows for batch in table.deletion_vectors()):
        problems.append("it has deletion vectors; purge them first (REORG TABLE … APPLY (PURGE))")
    problems += [f"it has the feature {name}, which is not read here" for name in sorted(features - _FEATURES)]
    if problems:
        raise InvalidDataset(source, problems)


@dataclass(frozen=True, slots=True)
class DeltaTarget:
    """A table that gets the files of a `run`, a name in letters, digits and hyphens: all in one commit, or none.

    The files lie in a folder of the run in the table's own. Until the commit, nobody who reads the table sees them.
    """

    location: DeltaLocation
    run: str
    files: Place

    def __str__(self) -> str:
        return str(self.location)

    def parts(self, pattern: str = EVERYTHING) -> list[Part]:
        return self.files.parts(pattern)

    def fetched(self, name: str) -> AbstractContextManager[Path]:
        return self.files.fetched(name)

    def written(self, name: str) -> AbstractContextManager[Path]:
        return self.files.written(name)

    def read(self, name: str) -> bytes | None:
        return self.files.read(name)

    def claimed(self) -> AbstractContextManager[None]:
        return self.files.claimed()

    def constants(self, name: str, held: Collection[str]) -> dict[str, pl.Expr]:
        return self.files.constants(name, held)

    def commit(self, schema: Mapping[str, pl.DataType], rows: Mapping[str, int]) -> int:
        """Add the files that `rows` names, with so many rows each, whose columns are `schema`. Returns the new version.

        Makes the table where there is none. A file is added once: a later call adds those that are new. Raises
        InvalidDataset for a missing file, for types that Delta lacks (see `delta_types`), where the table has other columns,
        and where other writers were faster again and again; FilesUnavailable; MissingExtra.
        """
        table = self.location.table()
        added = set() if table is None else {_path(row) for row in _live(table)}
        rows = {name: count for name, count in rows.items() if f"{self.run}/{name}" not in added}
        if table is not None and not rows:
            return int(table.version())
        if delta_types(schema, str(self)) != dict(schema):
            raise InvalidDataset(str(self), ["its columns have types that Delta lacks; cast them first"])
        found = {part.name: part for part in self.parts() if part.name in rows}
        if missing := sorted(rows.keys() - found.keys()):
            raise InvalidDataset(f"{self.files}/{missing[0]}", ["no such file; it was to be added to the table"])
        self._commit(table, _schema(schema), [self._action(found[name], count) for name, count in sorted(rows.items())])
        return int(self.location.table().version())

    def _action(self, part: Part, rows: int) -> Any:
        from deltalake.transaction import AddAction  # noqa: PLC0415 the extra

        return AddAction(
            path=f"{self.run}/{part.name}",
            size=part.size,
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": rows}),
        )

    def _commit(self, table: Any, schema: Any, actions: list[Any]) -> None:
        from deltalake import CommitProperties, Transaction  # noqa: PLC0415
        from deltalake.transaction import create_table_with_add_actions  # noqa: PLC0415

        before = None if table is None else table.transaction_version(self.run)
        once = CommitProperties(app_transactions=[Transaction(self.run, (before or 0) + 1)])
        if table is None:
            with self.location.failures("cannot be made a Delta table"):
                create_table_with_add_actions(
                    self.location.uri,
                    schema,
                    actions,
                    storage_options=dict(self.location.options),
                    commit_properties=once,
                )
            return
        if table.metadata().partition_columns or table.schema() != schema:
            raise InvalidDataset(str(self), ["the table has other columns, types or partitions; name another one"])
        with self.location.failures("files cannot be added to the Delta table"):
            table.create_write_transaction(actions, "append", schema, commit_properties=once)


def delta_types(schema: Mapping[str, pl.DataType], source: str) -> dict[str, pl.DataType]:
    """The type that each column has in a Delta table; cast columns to them before they are written.

    Unsigned numbers become the next larger signed ones, times have microseconds, categories and columns without a value are
    text. Raises InvalidDataset for durations, times of day, and whole numbers that may need more than 64 bits with a sign.
    """
    types: dict[str, pl.DataType] = {}
    problems = []
    for name, dtype in schema.items():
        try:
            types[name] = _delta_type(dtype)
        except ValueError:
            problems.append(f"column {name!r}: Delta has no {dtype}; cast it, or leave it out")
    if problems:
        raise InvalidDataset(source, problems)
    return types


def _delta_type(dtype: pl.DataType) -> pl.DataType:
    """Raises ValueError where Delta has no type that holds all of its values."""
    if dtype in _NO_TYPE:
        raise ValueError
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", dtype.time_zone and "UTC")
    if isinstance(dtype, (pl.List, pl.Array)):
        return pl.List(_delta_type(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return pl.Struct({each.name: _delta_type(each.dtype) for each in dtype.fields})  # type: ignore[arg-type]
    return next((other for kind, other in _OTHER_TYPES.items() if dtype == kind), dtype)


def _schema(schema: Mapping[str, pl.DataType]) -> Any:
    from arro3.core import Table  # noqa: PLC0415 comes with deltalake
    from deltalake import Schema  # noqa: PLC0415

    return Schema.from_arrow(Table(pl.DataFrame(schema=schema)).schema)
