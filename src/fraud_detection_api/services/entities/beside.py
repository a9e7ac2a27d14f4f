"""Writes a file's rows with their history features beside them, as training and scoring compute them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.event import event_contract
from fraud_detection_api.errors import InvalidDataset, NoHistory
from fraud_detection_api.services.entities.of_file import CHUNK_ROWS, history_of
from fraud_detection_api.tables.checking import add_rows, check_table, folded_columns, problem_texts, untimed_rows
from fraud_detection_api.tables.files import reading, require_rows, require_suffix, scan_file, write_frames
from fraud_detection_api.tables.targets import TargetLevels, is_positive, target_column
from fraud_detection_api.tables.whole_files import written_whole


class Written(NamedTuple):
    """How many rows were written, and which history features beside them."""

    rows: int
    features: list[str]


@dataclass(frozen=True)
class HistoryWriter:
    """Writes files with the history features of a contract. Calls `on_progress` with the share that is done."""

    contract: Contract
    on_progress: Callable[[float], None] = lambda _share: None
    separator: str | None = None

    def write(self, source: Path, target: Path) -> Written:
        """Write the rows of `source` and their history features to `target`, which appears whole or not at all.

        Features that the file has are left as they are. The file needs no column that history features do not read.
        Raises NoHistory, and InvalidDataset with all problems: columns, counts and first rows.
        """
        require_suffix(target)
        if not self.contract.history:
            raise NoHistory(self.contract.name)
        if source.exists() and target.exists() and target.samefile(source):
            raise InvalidDataset(str(target), ["is the file that is read; name another one to write"])
        with written_whole(target) as waiting:
            scan, rows = scan_file(source, self.separator)
            with reading(source, self.separator):
                names = folded_columns(self.contract, scan.collect_schema().names())
                if not names:
                    raise InvalidDataset(str(source), ["has all history features already"])
                is_fraud = self._checked(scan, rows, source)
                history = history_of(scan, self.contract, names, is_fraud)
                schema = {**scan.collect_schema(), **dict.fromkeys(names, pl.Float64())}
                write_frames(self._beside(scan, history, rows), schema, waiting)
        return Written(rows, names)

    def _checked(self, scan: pl.LazyFrame, rows: int, source: Path) -> NDArray[np.bool_] | None:
        """Which rows are fraud, bool (n,); None where the file does not say. Raises InvalidDataset."""
        contract, present = event_contract(self.contract), scan.collect_schema().names()
        read = self.contract.read_by_history
        absent = [pl.lit(None, pl.String).alias(name) for name in contract.features.keys() - {*present} - read]
        wanted = [name for name in present if name in {*contract.record_columns, contract.target.name}]
        problems: dict[str, NDArray[np.int64]] = {}
        levels, known, done = TargetLevels(contract), list[NDArray[np.bool_]](), 0
        for frame in scan.select(wanted).collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
            bad_rows = check_table(frame.with_columns(absent), contract, first_row=done + 1).bad_rows
            add_rows(problems, bad_rows | untimed_rows(frame, contract, first_row=done + 1))
            if contract.target.name in present:
                said = target_column(frame[contract.target.name], contract)
                levels.add(said)
                known.append(is_positive(said, contract))
            done += frame.height
            self.on_progress(done / rows / 3)
        if found := [*problem_texts(problems), *levels.problems()]:
            raise InvalidDataset(str(source), found)
        require_rows(source, done, rows, self.separator)
        return np.concatenate(known) if known else None

    def _beside(self, scan: pl.LazyFrame, history: Columns, rows: int) -> Iterator[pl.DataFrame]:
        done = 0
        for frame in scan.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
            piece = slice(done, done + frame.height)
            yield frame.with_columns(pl.Series(name, values[piece]).fill_nan(None) for name, values in history.items())
            done += frame.height
            self.on_progress(2 / 3 + done / rows / 3)
