"""The history features of a file's records: each record is an event of its entities, and sees those before it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.features.folding import Events, Folding, Share, fold, in_threads, microseconds_of
from fraud_detection_api.features.layout import Layout, layout_of
from fraud_detection_api.model.trees.forest import CORES
from fraud_detection_api.services.workers.pool import Workers, results
from fraud_detection_api.tables.reading import read_column, read_entities, read_ids

CHUNK_ROWS = 100_000


def history_of(
    scan: pl.LazyFrame,
    contract: Contract,
    names: Sequence[str],
    is_fraud: NDArray[np.bool_] | None,
    *,
    folder: Path | None = None,
    workers: Workers | None = None,
) -> Columns:
    """The history features `names` of each row, float64 (n,) with NaN for missing, as the contract defines them.

    Without `is_fraud`, bool (n,), no label is known. Where a row has a value that cannot be read, nothing is folded, and
    features are missing: the check of the rows reports it. They are in memory, or in a file of `folder`. `workers` fold the
    shares of entities; without them, threads do.
    """
    layout = layout_of(contract, online=False, only=names)
    reader = _EventReader(layout)
    wanted = [name for name in reader.wanted if name in scan.collect_schema().names()]
    for frame in scan.select(wanted).collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
        if not reader.add(frame):
            return dict.fromkeys(names, np.broadcast_to(np.nan, scan.select(pl.len()).collect().item()))
    events = reader.events(is_fraud)
    fill = in_threads(CORES) if workers is None else partial(_filled_by, workers)
    found = fold(layout, events, fill=fill, out=_room((len(events.times), len(contract.history)), folder))
    order = {name: place for place, name in enumerate(contract.history)}
    return {name: found[:, order[name]] for name in names}


def _filled_by(workers: Workers, folding: Folding, found: NDArray[np.float64]) -> None:
    with workers.pool(partial(_opened, folding)) as pool:
        for _, future in results(pool, folding.shares()):
            rows, values = future.result()
            found[rows[:, np.newaxis], folding.places] = values


def _opened(folding: Folding) -> Callable[[Share], tuple[NDArray[np.int64], NDArray[np.float64]]]:
    return folding.answers


def _room(shape: tuple[int, int], folder: Path | None) -> NDArray[np.float64] | None:
    return None if folder is None else np.memmap(folder / "history.f64", dtype=np.float64, mode="w+", shape=shape)


class _Numbers:
    """Numbers different values from 0 in the order of their appearance, and missing ones by -1."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def of(self, values: pl.Series) -> NDArray[np.int64]:
        """The numbers of values, int64 (n,)."""
        numbers = self._numbers
        different = [numbers.setdefault(value, len(numbers)) for value in values.drop_nulls().unique().sort().to_list()]
        ranks = values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
        codes: NDArray[np.int64] = np.array([-1, *different], dtype=np.int64)[ranks]
        return codes


class _EventReader:
    """Reads the columns of a file that a layout needs, piece by piece."""

    def __init__(self, layout: Layout) -> None:
        contract = layout.contract
        assert contract.time is not None, "a contract with history has a time"
        self._layout, self._contract, self._time = layout, contract, contract.time.name
        self.wanted = list(dict.fromkeys([self._time, *layout.columns]))
        self._numbers = {name: _Numbers() for name in layout.coded}
        self._codes: dict[str, list[NDArray[np.int64]]] = {name: [] for name in layout.coded}
        self._pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in [self._time, *layout.valued]}

    def add(self, frame: pl.DataFrame) -> bool:
        """Add the next rows; False where a value of them is missing or cannot be read that must not."""
        if set(self.wanted) - {*frame.columns}:
            return False
        for name in self.wanted:
            column, is_sound = self._column(frame[name], name)
            if not is_sound:
                return False
            if name in self._codes:
                self._codes[name].append(self._numbers[name].of(_series(column)))
            if name in self._pieces:
                self._pieces[name].append(column)
        return True

    def _column(self, series: pl.Series, name: str) -> tuple[NDArray[Any], bool]:
        """Values as in `contract.columns`, those of an id or a key too, and whether they can be folded."""
        contract, written = self._contract, self._contract.written(name)
        if name == self._time:
            column, unreadable, missing = read_column(series, "datetime", written)
            return column, not (unreadable | missing).any()
        if name in contract.features:
            column, unreadable, _missing = read_column(series, contract.features[name].dtype, written)
            return column, not unreadable.any()
        read = read_ids if name in contract.keys else read_entities
        ids, unreadable, _missing = read(series, contract.entity_dtype(name), written)
        column = ids.to_numpy().astype(object if ids.dtype == pl.String else np.float64)
        return column, not unreadable.any()

    def events(self, is_fraud: NDArray[np.bool_] | None) -> Events:
        """All rows as events. What was read is let go meanwhile: a large file is in memory once."""
        columns = {name: _joined(pieces) for name, pieces in self._pieces.items()}
        codes = {name: _joined(pieces) for name, pieces in self._codes.items()}
        times = microseconds_of(columns.pop(self._time))
        known = np.zeros(len(times), dtype=np.bool_) if is_fraud is None else is_fraud
        return Events(times, codes, columns, known)


def _joined(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    joined = np.concatenate(pieces)
    pieces.clear()
    return joined


def _series(values: NDArray[Any]) -> pl.Series:
    """Texts or numbers, null for missing."""
    is_text = values.dtype == object
    return pl.Series(values.tolist(), dtype=pl.String) if is_text else pl.Series(values).fill_nan(None)
