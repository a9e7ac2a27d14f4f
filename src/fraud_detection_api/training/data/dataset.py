"""Training data: labelled records of one contract, held once as the matrix that trees read, and parts of it by row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import FLOAT32_MAX, Contract
from fraud_detection_api.contract.encoding import Encoder, LevelCodes

BLOCK_ROWS = 100_000


@dataclass(frozen=True)
class EncodedRecords:
    """All records of a file, shared by all parts of it.

    `matrix` is float32 (n, m) as `Encoder.encode` makes it, except that a category's column holds the number of its level
    in `levels[name]`; missing is NaN. `indices` holds the matrix's index of each of `column_names`. `times` holds the
    datetime features as float64 (n,) in seconds since 1970. Where the records are larger than memory, the matrix is a file
    in `folder`, and so is what is made of it.
    """

    matrix: NDArray[np.float32]
    column_names: tuple[str, ...]
    indices: NDArray[np.int64]
    levels: Mapping[str, tuple[str, ...]]
    times: Mapping[str, NDArray[np.float64]]
    folder: Path | None = None

    def position(self, column: str) -> int:
        """Index of a column in `column_names`."""
        return self.column_names.index(column)

    def values(self, column: str, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """A column of the matrix, float32 (k,), at rows int64 (k,)."""
        column_values: NDArray[np.float32] = self.matrix[rows, self.indices[self.position(column)]]
        return column_values

    def block(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """All columns at rows int64 (k,), float32 (k, columns), as a copy."""
        chosen = self.matrix[rows]
        return chosen if len(self.indices) == self.matrix.shape[1] else np.ascontiguousarray(chosen[:, self.indices])

    def restricted(self, column_names: tuple[str, ...]) -> "EncodedRecords":
        """The same records with some of their columns, in that order; nothing is copied."""
        indices = self.indices[[self.position(name) for name in column_names]]
        levels = {name: levels for name, levels in self.levels.items() if name in column_names}
        return replace(self, column_names=column_names, indices=indices, levels=levels)


LevelTables = Mapping[str, NDArray[np.float32]]
"""Codes of each category's levels, float32 (folds, levels + 1, columns): a row for each fold; the last level is missing.

The first column replaces the level's number in the matrix. The others are added at its end.
"""


@dataclass(frozen=True)
class Dataset:
    """Labelled records, in the file's order; `rows` int64 (n,) are their indices in `records`.

    `is_fraud` is bool (n,). `entity`, int64 (n,), numbers the entities, where the file has the contract's id column.
    `seconds` is float64 (n,) since 1970 where the contract has a time column, `known_probability` float64 (n,) where the
    data is simulated. `digest` is that of the file's content.
    """

    contract: Contract
    records: EncodedRecords
    rows: NDArray[np.int64]
    is_fraud: NDArray[np.bool_]
    entity: NDArray[np.int64] | None
    seconds: NDArray[np.float64] | None
    known_probability: NDArray[np.float64] | None
    digest: str

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def base_rate(self) -> float:
        """Share of fraud."""
        return float(self.is_fraud.mean())

    def take(self, chosen: NDArray[Any]) -> "Dataset":
        """The chosen records (numbers or a mask), in that order; the matrix is shared and not copied."""
        return replace(
            self,
            rows=self.rows[chosen],
            is_fraud=self.is_fraud[chosen],
            entity=None if self.entity is None else self.entity[chosen],
            seconds=None if self.seconds is None else self.seconds[chosen],
            known_probability=None if self.known_probability is None else self.known_probability[chosen],
        )

    def compact(self) -> "Dataset":
        """The same records in a matrix of their own in memory, without those of other parts."""
        own, records = np.arange(len(self)), self.records
        times = {name: seconds[self.rows] for name, seconds in records.times.items()}
        columns = np.arange(len(records.indices))
        alone = replace(records, matrix=records.block(self.rows), indices=columns, times=times, folder=None)
        return replace(self, records=alone, rows=own)

    def following(self, contract: Contract) -> "Dataset":
        """The same records under a contract that has fewer derived features and is otherwise the same."""
        names = Encoder(contract, dict.fromkeys(self.records.levels, _NO_LEVELS)).column_names
        return replace(self, contract=contract, records=self.records.restricted(names))

    @property
    def columns(self) -> Mapping[str, NDArray[Any]]:
        """The features as in `contract.columns`, each made when it is read; numbers are rounded to float32."""
        return _Columns(self)

    def level_numbers(self, name: str) -> NDArray[np.int64]:
        """Number of each record's level of a category, int64 (n,); the number of levels means missing."""
        return _level_numbers(self.records.values(name, self.rows), len(self.records.levels[name]))

    def blocks(self, tables: LevelTables, folds: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.float32]]:
        """The encoded matrix in blocks of at most BLOCK_ROWS rows, with categories coded by `tables`, float32 (k, columns).

        `folds` int64 (n,) chooses each record's row of the tables; without it, the first row is used for all.
        """
        for start in range(0, len(self), BLOCK_ROWS):
            piece = slice(start, start + BLOCK_ROWS)
            block, added = self.records.block(self.rows[piece]), list[NDArray[np.float32]]()
            for name, table in tables.items():
                column = block[:, self.records.position(name)]
                codes = table[0 if folds is None else folds[piece], _level_numbers(column, table.shape[1] - 1)]
                column[:] = codes[:, 0]
                added += [codes[:, 1:]] if codes.shape[1] > 1 else []
            yield np.concatenate([block, *added], axis=1) if added else block

    def matrix(self, tables: LevelTables, folds: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The encoded matrix, float32 (n, columns): all blocks in one."""
        return np.concatenate([*self.blocks(tables, folds)] or [self.records.block(self.rows)])

    def tables_of(self, level_codes: Mapping[str, LevelCodes]) -> LevelTables:
        """Codes as tables over this data's levels, with one row each."""
        return {name: self._table(name, codes) for name, codes in level_codes.items()}

    def _table(self, name: str, codes: LevelCodes) -> NDArray[np.float32]:
        names: NDArray[np.object_] = np.array([*self.records.levels[name], None], dtype=object)
        columns = [codes] if codes.records is None else [codes, codes.records]
        table = np.stack([column.encode(names) for column in columns], axis=1)
        return np.clip(table, -FLOAT32_MAX, FLOAT32_MAX).astype(np.float32)[np.newaxis]


_NO_LEVELS = LevelCodes({}, unseen=0.0, missing=0.0)


class _Columns(Mapping[str, NDArray[Any]]):
    """Columns of a dataset. None is cached, so that a wide file is in memory only once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getitem__(self, name: str) -> NDArray[Any]:
        data, records = self._dataset, self._dataset.records
        if name in records.times:
            return records.times[name][data.rows]
        if name in records.levels:
            names: NDArray[np.object_] = np.array([*records.levels[name], None], dtype=object)
            column: NDArray[np.object_] = names[data.level_numbers(name)]
            return column
        if name not in data.contract.inputs:
            raise KeyError(name)
        return records.values(name, data.rows).astype(np.float64)

    def __iter__(self) -> Iterator[str]:
        return iter(self._dataset.contract.inputs)

    def __len__(self) -> int:
        return len(self._dataset.contract.inputs)


def _level_numbers(numbers: NDArray[np.float32], missing: int) -> NDArray[np.int64]:
    return np.where(np.isnan(numbers), np.float32(missing), numbers).astype(np.int64)
