"""A file of records scored into another file, in pieces, so that it may be larger than memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fraud_detection_api.contract.columns import Columns
from fraud_detection_api.contract.declaration import OUTCOME, PROBABILITY, RISK_SCORE
from fraud_detection_api.decision.decided import UNSEEN_LEVEL, UNSEEN_MISSING, Unseen
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.model.engine import Assessment
from fraud_detection_api.model.trees.forest import CORES
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.entities.of_file import history_of
from fraud_detection_api.tables.checking import (
    check_table,
    column_types,
    folded_columns,
    identifier_problems,
    untimed_problems,
)
from fraud_detection_api.tables.files import (
    is_csv,
    reading,
    require_rows,
    require_suffix,
    scan_file,
    write_frames,
)
from fraud_detection_api.tables.targets import is_positive
from fraud_detection_api.tables.whole_files import written_whole

CHUNK_ROWS = 100_000

EXPLAINED_ROWS = 5_000
"""Rows whose reasons are made at a time: each is an object of Python's meanwhile."""

ADDED = {PROBABILITY: pl.Float64(), RISK_SCORE: pl.Int16(), OUTCOME: pl.String()}
"""The columns that scoring adds, in order."""

REASONS = "reasons"
"""The column of reasons: JSON, as in the answers of the server."""

_OUTCOMES = np.array(OUTCOMES)


@dataclass
class UnseenCount:
    """How many records have an unseen level, by column, and how many must be reviewed because of one.

    `missing` counts those whose value is missing and never was in training, by column.
    """

    by_column: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    reviewed: int = 0

    def add(self, found: Collection[Sequence[Unseen]]) -> None:
        """Count the warnings about each record that has some."""
        for code, counts in ((UNSEEN_LEVEL, self.by_column), (UNSEEN_MISSING, self.missing)):
            counts.update(each.field for warnings in found for each in warnings if each.code == code)
        self.reviewed += sum(any(level.requires_review for level in levels) for levels in found)


@dataclass(frozen=True)
class BatchScorer:
    """Scores files with one model, and `explains` them.

    `on_progress` gets the share of rows that is done, 0 to 1; `on_replaced` the columns of an earlier scoring, if any, and
    `on_unseen` the warnings about each record that has some, a piece of the file at a time. A CSV's `separator` is taken
    from its header unless it is given. At most so many `threads` compute. `constants` are columns to add to those that a
    file holds, and `types` gives the types of the output's columns.
    """

    bundle: Bundle
    explains: bool = False
    on_progress: Callable[[float], None] = lambda _share: None
    separator: str | None = None
    on_replaced: Callable[[list[str]], None] = lambda _names: None
    on_unseen: Callable[[Collection[Sequence[Unseen]]], None] = lambda _found: None
    threads: int = CORES
    constants: Callable[[Collection[str]], Mapping[str, pl.Expr]] = lambda _held: {}
    types: Callable[[Mapping[str, pl.DataType]], Mapping[str, pl.DataType]] = lambda schema: schema

    def score_file(self, source: Path, target: Path) -> int:
        """Write `source`'s columns and those of `added` to `target`; both are CSV or Parquet by suffix. Returns rows.

        Columns of an earlier scoring are replaced, see `replaced`. `target` appears whole or not at all. Raises
        InvalidDataset: unreadable file, missing columns, rows that break the contract (first row numbers, no values), a
        target that is the source or cannot be written.
        """
        require_suffix(target)
        if source.exists() and target.exists() and target.samefile(source):
            raise InvalidDataset(str(target), ["is the file to be scored; name another one to write"])
        with written_whole(target) as waiting:
            return self.score_into(source, waiting)

    def score_into(self, source: Path, waiting: Path) -> int:
        """As `score_file`, to a file that somebody else puts in its place or removes."""
        scan, rows = scan_file(source, self.separator)
        with reading(source, self.separator):
            held = scan.collect_schema().names()
        constants = self.constants(held)
        scan, names = scan.with_columns(**constants), [*dict.fromkeys([*held, *constants])]
        replaced = self.replaced(names)
        if taken := [name for name in self.added if name in names and name not in replaced]:
            raise InvalidDataset(str(source), [f"has a column {name!r} already; rename it" for name in taken])
        if replaced:
            self.on_replaced(replaced)
            scan = scan.drop(replaced)
        self._write(source, scan, waiting, rows=rows)
        return rows

    @property
    def added(self) -> dict[str, pl.DataType]:
        """The columns that are added, in order."""
        return {**ADDED, REASONS: pl.String()} if self.explains else ADDED

    def replaced(self, names: Sequence[str]) -> list[str]:
        """The columns of a file that were added when it was scored before: all of `ADDED`, and reasons if there are any.

        Not where the contract uses one of these names, or only some of them are there: then they are somebody's data.
        """
        earlier = [name for name in (*ADDED, REASONS) if name in names]
        used = {*self.bundle.contract.record_columns, self.bundle.contract.target.name}
        return earlier if {*ADDED} <= {*earlier} and not used & {*earlier} else []

    def _write(self, source: Path, scan: pl.LazyFrame, waiting: Path, *, rows: int) -> None:
        # a CSV's text goes to a Parquet file as what the contract says it is
        typed = is_csv(source) and not is_csv(waiting)
        types = column_types(self.bundle.contract) if typed else {}
        schema = {name: types.get(name, dtype) for name, dtype in scan.collect_schema().items()}
        schema |= self.added
        wanted = dict(self.types(schema))
        frames = self._scored(source, scan, self._history(source, scan), rows=rows, typed=typed)
        write_frames(
            frames if wanted == schema else (frame.cast(pl.Schema(wanted)) for frame in frames), wanted, waiting
        )

    def _history(self, source: Path, scan: pl.LazyFrame) -> Columns:
        """The history features that the file does not have as columns; by its labels, if it has some."""
        contract = self.bundle.contract
        with reading(source, self.separator):
            names = scan.collect_schema().names()
            if not (folded := folded_columns(contract, names)):
                return {}
            target = contract.target.name
            known = is_positive(scan.select(target).collect()[target], contract) if target in names else None
            return history_of(scan, contract, folded, known)

    def _scored(
        self, source: Path, scan: pl.LazyFrame, history: Columns, *, rows: int, typed: bool
    ) -> Iterator[pl.DataFrame]:
        done = 0
        with reading(source, self.separator):
            for frame in scan.collect_batches(chunk_size=CHUNK_ROWS, maintain_order=True):
                own = {name: column[done : done + frame.height] for name, column in history.items()}
                yield self._score(frame, source, own, first_row=done + 1, typed=typed)
                done += frame.height
                self.on_progress(done / rows)
        require_rows(source, done, rows, self.separator)

    def _score(
        self, frame: pl.DataFrame, source: Path, history: Columns, *, first_row: int, typed: bool
    ) -> pl.DataFrame:
        check = check_table(frame, self.bundle.accepted, first_row=first_row)
        problems = [
            *identifier_problems(frame, self.bundle.contract, first_row=first_row),
            *untimed_problems(frame, self.bundle.contract, first_row=first_row),
            *check.problems,
        ]
        if problems:
            raise InvalidDataset(str(source), problems)
        check.columns |= history
        typed_columns = check.typed(frame, self.bundle.contract) if typed else []
        assessment = self.bundle.engine.assess(check.columns, threads=self.threads)
        self.on_unseen(assessment.unseen.values())
        added: list[Any] = [assessment.probabilities, assessment.risk_scores, _OUTCOMES[assessment.outcomes]]
        if self.explains:
            added.append(self._reasons(pl.DataFrame(check.features(self.bundle.contract)), assessment))
        named = zip(self.added.items(), added, strict=True)
        return frame.with_columns(*typed_columns, *(pl.Series(name, column, dtype) for (name, dtype), column in named))

    def _reasons(self, records: pl.DataFrame, assessment: Assessment) -> list[str]:
        """The reasons of each record, as JSON."""
        matrix, adverse = assessment.matrix, _OUTCOMES[assessment.outcomes] != "approve"
        contributions, reasoner = self.bundle.engine.contributions(matrix, threads=self.threads), self.bundle.reasoner
        parts = [slice(first, first + EXPLAINED_ROWS) for first in range(0, records.height, EXPLAINED_ROWS)]
        return [
            text
            for part in parts
            for text in reasoner.texts(contributions[part], records[part].to_dicts(), matrix[part], adverse[part])
        ]
