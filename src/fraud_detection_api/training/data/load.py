"""CSV and Parquet files to training data, checked against the contract."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import LABEL_AGE, LABEL_REVIEWER, Contract
from fraud_detection_api.contract.encoding import Encoder
from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from fraud_detection_api.services.entities.of_file import history_of
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.tables.checking import (
    add_rows,
    check_table,
    constraint_problem,
    folded_columns,
    missing_column,
    problem_texts,
    rows_text,
)
from fraud_detection_api.tables.files import is_row_number, reading, require_rows, scan_file
from fraud_detection_api.tables.reading import read_column, read_ids
from fraud_detection_api.tables.targets import TargetLevels, is_positive, target_column
from fraud_detection_api.training.data.dataset import Dataset, EncodedRecords

CHUNK_ROWS = 100_000


def load_dataset(
    path: Path,
    contract: Contract,
    *,
    trains: bool = True,
    separator: str | None = None,
    folder: Path | None = None,
    workers: Workers | None = None,
) -> Dataset:
    """Dataset from a file that is read in pieces; a CSV's `separator` is taken from its header unless it is given.

    The encoded records are in memory, or in a file of `folder`. `workers` compute history features. A dataset that only
    measures a model may have other columns, and records of one class. Raises InvalidDataset with all problems: columns,
    counts and first rows, never values.
    """
    scan, rows = scan_file(path, separator)
    with reading(path, separator):
        return _dataset(
            scan, rows, contract, source=str(path), trains=trains, separator=separator, folder=folder, workers=workers
        )


def dataset_from_frame(frame: pl.DataFrame, contract: Contract, *, source: str) -> Dataset:
    """Dataset from a frame with the contract's columns and target; `source` names it in errors. Raises InvalidDataset."""
    return _dataset(frame.lazy(), frame.height, contract, source=source)


def _dataset(  # noqa: PLR0913 as load_dataset
    scan: pl.LazyFrame,
    rows: int,
    contract: Contract,
    *,
    source: str,
    trains: bool = True,
    separator: str | None = None,
    folder: Path | None = None,
    workers: Workers | None = None,
) -> Dataset:
    names = scan.collect_schema().names()
    problems = [*_missing_columns(names, contract), *(_other_columns(names, contract) if trains else ())]
    if not rows:
        raise InvalidDataset(source, [*problems, "holds no rows"])
    about = _about(scan, names, contract)
    if contract.target.name in names:
        about = about.with_columns(target_column(about[contract.target.name], contract))
    folded = [] if set(_required(contract)) - {*names} else folded_columns(contract, names)
    is_fraud = is_positive(about[contract.target.name], contract) if contract.target.name in names else None
    history = history_of(scan, contract, folded, is_fraud, folder=folder, workers=workers) if folded else {}
    reader = _Reader(contract, rows, folder, history)
    checked = {*reader.columns, *contract.keys, *contract.read_by_history}
    if present := [name for name in names if name in checked]:
        for frame in scan.select(present).collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
            reader.add(frame)
    named = tuple(problems)  # the reader does not see columns whose names are near
    problems += [each for each in problem_texts(reader.reported()) if not any(one.startswith(each) for one in named)]
    if contract.target.name in names:
        problems += _target_problems(about[contract.target.name], contract, trains=trains)
    problems += _known_probability_problems(about, contract)
    if problems:
        raise InvalidDataset(source, problems)
    require_rows(Path(source), reader.done, rows, separator)
    assert is_fraud is not None, "a target that is missing is a problem"
    return Dataset(
        contract=contract,
        records=reader.records(),
        rows=np.arange(rows),
        is_fraud=is_fraud,
        entity=_entities(about, contract),
        seconds=reader.seconds,
        known_probability=_known_probability(about, contract),
        digest=reader.digest(is_fraud),
    )


def _about(scan: pl.LazyFrame, names: Sequence[str], contract: Contract) -> pl.DataFrame:
    """The columns that are not features: target, id, true probability."""
    wanted = [contract.target.name, contract.target.known_probability]
    wanted += [contract.identifier.name] if contract.identifier is not None else []
    return scan.select([name for name in wanted if name in names]).collect()


class _LevelNumbers:
    """Numbers the levels of a category in order of appearance; missing is NaN."""

    records = None

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def encode(self, values: NDArray[np.object_]) -> NDArray[np.float64]:
        numbers = self.numbers
        found = [np.nan if level is None else numbers.setdefault(level, len(numbers)) for level in values]
        return np.array(found, dtype=np.float64)


@dataclass
class _Reader:
    """Reads a file piece by piece: its problems, its encoded matrix, its digest.

    `history` has the history features, (rows,) each, that the file does not have.
    """

    contract: Contract
    rows: int
    folder: Path | None
    history: Columns
    problems: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    done: int = 0

    def __post_init__(self) -> None:
        features = self.contract.inputs
        self._levels = {name: _LevelNumbers() for name, feature in features.items() if feature.dtype == "category"}
        self._encoder = Encoder(self.contract, self._levels)
        self._matrix = _empty((self.rows, len(self._encoder.column_names)), self.folder)
        self._times = {name: np.empty(self.rows) for name, feature in features.items() if feature.dtype == "datetime"}
        if self.contract.time is not None:
            self._times[self.contract.time.name] = np.empty(self.rows)
        self.columns = list(dict.fromkeys([*features, *self._times]))
        self._hashes = {name: hashlib.sha256() for name in self.columns}

    def add(self, frame: pl.DataFrame) -> None:
        """Add the next rows."""
        check = check_table(frame, self.contract, first_row=self.done + 1)
        add_rows(self.problems, check.bad_rows)
        add_rows(self.problems, dict(self._untimed(frame)))
        if not self.problems:
            piece = slice(self.done, self.done + frame.height)
            own = {name: column[piece] for name, column in self.history.items()}
            self._store({**check.columns, **own}, piece)
        self.done += frame.height

    def reported(self) -> dict[str, NDArray[np.int64]]:
        """The problems; broken constraints only if there are no others, which keep constraints from being checked."""
        constraints = {constraint_problem(each) for each in self.contract.enforced.values()}
        others = {problem: rows for problem, rows in self.problems.items() if problem not in constraints}
        return others or self.problems

    def _untimed(self, frame: pl.DataFrame) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """A record without a time has no order relative to others."""
        time = self.contract.time
        if time is not None and time.name in frame.columns:
            missing = read_column(frame[time.name], "datetime", self.contract.written(time.name))[2]
            if missing.any():
                yield f"{time.name} is empty", np.flatnonzero(missing) + self.done + 1

    def _store(self, columns: Columns, rows: slice) -> None:
        self._matrix[rows] = self._encoder.encode(columns)
        for name, seconds in self._times.items():
            seconds[rows] = columns[name]
        for name, content in self._hashes.items():
            column = columns[name]
            if column.dtype == object:  # missing is written as the empty text, which is never a level
                content.update("".join(f"{level or ''}\x1f" for level in column).encode())
            else:
                content.update(column.tobytes())

    @property
    def seconds(self) -> NDArray[np.float64] | None:
        time = self.contract.time
        return None if time is None else self._times[time.name]

    def records(self) -> EncodedRecords:
        levels = {name: tuple(found.numbers) for name, found in self._levels.items()}
        times = {name: self._times[name] for name in self._times if name in self.contract.features}
        names = self._encoder.column_names
        return EncodedRecords(self._matrix, names, np.arange(len(names)), levels, times, self.folder)

    def digest(self, is_fraud: NDArray[np.bool_]) -> str:
        """Digest of the checked columns and the target, independent of the file format."""
        content = hashlib.sha256(is_fraud.tobytes())
        for name, column in self._hashes.items():
            content.update(f"{name}\x1f{column.hexdigest()}\x1f".encode())
        return "sha256:" + content.hexdigest()


BYTES_OF_VALUE = 4 + 5
"""On disk, as float32 and as XGBoost's number of its bin: 4.7 bytes, measured with 30 columns of 4096 bins."""


def _empty(shape: tuple[int, int], folder: Path | None) -> NDArray[np.float32]:
    """A matrix in memory, or in a file of `folder`. Raises FilesUnavailable where that has too little room."""
    if folder is None:
        return np.empty(shape, dtype=np.float32)
    needed, free = shape[0] * shape[1] * BYTES_OF_VALUE, shutil.disk_usage(folder).free
    if needed > free:
        room = f"the records need {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free"
        raise FilesUnavailable(str(folder), f"{room}; name another folder by TMPDIR")
    path = folder / "records.npy"
    with path.open("wb") as file:  # room for all of it now: a full disk would end the process later
        os.posix_fallocate(file.fileno(), 0, max(1, shape[0] * shape[1] * 4))
    return np.memmap(path, dtype=np.float32, mode="r+", shape=shape)


def _required(contract: Contract) -> list[str]:
    named = [*contract.keys, *contract.features, contract.target.name, *([contract.time.name] if contract.time else [])]
    keyed = {name for each in contract.history.values() for name in each.by}
    return named + ([contract.identifier.name] if contract.identifier and contract.identifier.name in keyed else [])


def _missing_columns(present: Sequence[str], contract: Contract) -> Iterator[str]:
    yield from (missing_column(name, present) for name in _required(contract) if name not in present)


def _other_columns(present: Sequence[str], contract: Contract) -> Iterator[str]:
    optional = [contract.target.known_probability, contract.identifier.name if contract.identifier else None]
    known = {*_required(contract), *contract.history, *optional, *contract.ignored, LABEL_AGE, LABEL_REVIEWER}
    if extra := [name for name in present if name not in known and not is_row_number(name)]:
        listed = ", ".join(repr(name) for name in extra)
        yield f"the contract does not declare the columns {listed}; declare them, or list them under `ignored`"


def _target_problems(series: pl.Series, contract: Contract, *, trains: bool) -> list[str]:
    name, problems = contract.target.name, []
    if series.null_count():
        rows = series.is_null().arg_true().to_numpy() + 1
        problems.append(f"target {name} is empty: {rows_text(rows)}")
    levels = TargetLevels(contract)
    for piece in series.to_frame().iter_slices(CHUNK_ROWS):
        levels.add(piece.to_series())
    if of_levels := levels.problems():
        problems += of_levels
    elif trains and levels.frauds in (0, levels.rows):
        problems.append(levels.single_class("every row" if levels.frauds else "no row"))
    return problems


def _known_probability_problems(about: pl.DataFrame, contract: Contract) -> list[str]:
    name = contract.target.known_probability
    if name is None or name not in about.columns:
        return []
    within = about[name].cast(pl.Float64, strict=False).is_between(0, 1).fill_null(value=False)
    rows = np.flatnonzero(~within.to_numpy()) + 1
    return [f"{name} must be within 0 to 1: {rows_text(rows)}"] if rows.size else []


def _known_probability(about: pl.DataFrame, contract: Contract) -> NDArray[np.float64] | None:
    name = contract.target.known_probability
    if name is None or name not in about.columns:
        return None
    return about[name].cast(pl.Float64).to_numpy()


def _entities(about: pl.DataFrame, contract: Contract) -> NDArray[np.int64] | None:
    """A number for each different id; each record without an id (none, blank or NaN) is a separate entity."""
    identifier = contract.identifier
    if identifier is None or identifier.name not in about.columns:
        return None
    column, written = about[identifier.name], contract.written(identifier.name)
    ids, unreadable, _missing = read_ids(column, identifier.dtype, written)
    if unreadable.any():  # pseudonyms are text
        ids = read_ids(column, "str", written)[0]
    numbers: NDArray[np.float64] = ids.rank("dense").cast(pl.Float64).fill_null(np.nan).to_numpy()
    unknown = np.isnan(numbers)
    return np.where(unknown, -1 - np.arange(len(ids)), np.where(unknown, 0, numbers)).astype(np.int64)
