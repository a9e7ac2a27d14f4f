"""Imports a file of labels in batches, so that it may be larger than memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.label import (
    LABEL_SOURCES,
    LONGEST_NOTE,
    LONGEST_REVIEWER,
    EntityAt,
    EventNamed,
    Finding,
)
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.field_texts import STORABLE
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.tables.checking import add_rows, problem_texts
from fraud_detection_api.tables.files import reading, require_rows, scan_file
from fraud_detection_api.tables.reading import read_column, read_ids

ROWS_A_TRANSACTION = 1_000
"""Bounds how long servers that store decisions wait."""

ROW, WHY = "row", "why"
"""Columns of the file that lists unknown rows; it may be imported again with them."""

_BY_ID, _BY_EVENT, _BY_ENTITY = "decision_id", "event_id", ("entity_id", "decided_at")
_REQUIRED = ("is_fraud", "source")
_OPTIONAL = ("effective_at", "note", "reviewer")
_DECISION_ID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class Imported(NamedTuple):
    """Results of a file's rows. `unknown` holds those that cannot be recorded, with their number from 1 and the reason."""

    rows: int
    recorded: int
    repeated: int
    unknown: pl.DataFrame


@dataclass(frozen=True)
class LabelImporter:
    """Imports files; reads a CSV's entities as ids of the contract. Calls `on_progress` with the share that is done.

    `reviewer` says the labels of rows that name nobody. A CSV's `separator` is taken from its header unless it is given.
    """

    labels: LabelService
    contract: Contract
    on_progress: Callable[[float], None] = lambda _share: None
    reviewer: str | None = None
    separator: str | None = None

    def import_file(self, source: Path) -> Imported:
        """Check all rows of the file, then record its labels.

        Raises InvalidDataset (nothing was recorded), StoreUnavailable (earlier batches were; import the file again).
        """
        scan, rows = scan_file(source, self.separator)
        with reading(source, self.separator):
            names = self._required_columns(scan.collect_schema().names(), source)
        problems = _Problems()
        for first, frame in self._batches(scan, source):
            self._read(frame, names, problems, first_row=first)
            self.on_progress((first + frame.height) / rows / 2)
        if problems.rows:
            raise InvalidDataset(str(source), problem_texts(problems.rows))
        recorded = repeated = done = 0
        unknown: list[pl.DataFrame] = []
        for first, frame in self._batches(scan, source):
            result = self.labels.record(self._read(frame, names, problems, first_row=first))
            recorded, repeated = recorded + result.recorded, repeated + result.repeated
            unknown.append(_unknown_rows(frame, dict(result.unknown), first_row=first))
            done += frame.height
            self.on_progress(0.5 + done / rows / 2)
        require_rows(source, done, rows, self.separator)
        return Imported(done, recorded, repeated, pl.concat(unknown) if unknown else pl.DataFrame())

    def _required_columns(self, present: Sequence[str], source: Path) -> "_Columns":
        own = "entity_id" if self.contract.identifier is None else self.contract.identifier.name
        entity = next((name for name in ("entity_id", own) if name in present), None)
        columns = _Columns(
            _BY_ID if _BY_ID in present else None,
            _BY_EVENT if _BY_EVENT in present and own != _BY_EVENT else None,
            entity if "decided_at" in present else None,
        )
        problems = [f"column {name!r} is missing" for name in _REQUIRED if name not in present]
        if columns == _Columns(None, None, None):
            problems.append("column 'decision_id' is missing, or 'event_id', or 'entity_id' and 'decided_at' instead")
        known = {_BY_ID, _BY_EVENT, *_BY_ENTITY, entity, *_REQUIRED, *_OPTIONAL, ROW, WHY}
        if extra := [name for name in present if name not in known]:
            listed = ", ".join(repr(name) for name in extra)
            problems.append(f"a label has no columns {listed}; remove them")
        if problems:
            raise InvalidDataset(str(source), problems)
        return columns

    def _batches(self, scan: pl.LazyFrame, source: Path) -> Iterator[tuple[int, pl.DataFrame]]:
        """Frames of at most ROWS_A_TRANSACTION rows, each with the number of its first row, from 1."""
        first = 1
        with reading(source, self.separator):
            for frame in scan.collect_batches(chunk_size=ROWS_A_TRANSACTION, maintain_order=True):
                for batch in frame.iter_slices(ROWS_A_TRANSACTION):
                    yield first, batch
                    first += batch.height

    def _read(
        self, frame: pl.DataFrame, columns: "_Columns", problems: "_Problems", *, first_row: int
    ) -> list[Finding]:
        """Findings of the rows. Rows with problems, which are added to `problems`, give placeholders."""
        problems.first_row = first_row
        is_fraud = problems.read(frame, "is_fraud", "bool", "must be true or false (or 1 and 0)", required=True)
        effective_at = problems.moments(frame, "effective_at", required=np.zeros(frame.height, dtype=np.bool_))
        problems.add("effective_at must not be in the future", effective_at > self.labels.latest())
        source, note = _texts(frame, "source"), _texts(frame, "note")
        problems.add(f"source must be one of {', '.join(LABEL_SOURCES)}", ~source.is_in(LABEL_SOURCES).to_numpy())
        problems.add(
            f"note must be at most {LONGEST_NOTE} characters", (note.str.len_chars() > LONGEST_NOTE).to_numpy()
        )
        reviewer = _texts(frame, "reviewer")
        problems.add(
            f"reviewer must be at most {LONGEST_REVIEWER} characters",
            (reviewer.str.len_chars() > LONGEST_REVIEWER).to_numpy(),
        )
        named = ((name, _texts(frame, name)) for name in (columns.event_id, columns.entity) if name is not None)
        for name, texts in (("note", note), ("reviewer", reviewer), *named):
            problems.add(f"{name} must not hold the character U+0000", ~texts.str.contains(STORABLE).to_numpy())
        about = self._subjects(frame, columns, problems)
        return [
            Finding(one, bool(fraud), who, None if np.isnan(at) else int(at), text, said_by or self.reviewer)
            for one, fraud, who, at, text, said_by in zip(
                about, is_fraud == 1, source, effective_at, note, reviewer, strict=True
            )
        ]

    def _subjects(
        self, frame: pl.DataFrame, columns: "_Columns", problems: "_Problems"
    ) -> list[str | EntityAt | EventNamed]:
        """What each row is about: the decision or event with its id, or without one, its entity's decision at that time."""
        decision_ids = _texts(frame, columns.decision_id).str.to_lowercase()  # some programs write UUIDs in capitals
        is_wrong = (decision_ids != "") & ~decision_ids.str.contains(_DECISION_ID)
        problems.add("decision_id must be a decision's id, as it was answered", is_wrong.to_numpy())
        by_id = [
            decision_id or (EventNamed(event_id) if event_id else "")
            for decision_id, event_id in zip(decision_ids, _event_ids(frame, columns.event_id), strict=True)
        ]
        without = np.array([one == "" for one in by_id], dtype=np.bool_)
        if columns.entity is None:
            named = [name for name in (columns.decision_id, columns.event_id) if name is not None]
            problems.add(f"{' and '.join(named)} {'are' if named[1:] else 'is'} empty", without)
            return [*by_id]
        dtype = "int" if self.contract.identifier is None else self.contract.identifier.dtype
        entities, unreadable, missing = read_ids(frame[columns.entity], dtype, self.contract.written(columns.entity))
        problems.add(f"{columns.entity} is empty", without & missing)
        problems.add(f"{columns.entity} must be a whole number", without & unreadable)
        ids: list[int | str | None] = entities.to_list()
        moments = problems.moments(frame, "decided_at", required=without)
        return [
            self.labels.entity_at(ids[row] or 0, 0 if np.isnan(moments[row]) else int(moments[row]))
            if without[row]
            else one
            for row, one in enumerate(by_id)
        ]


class _Columns(NamedTuple):
    """The columns that say what a row is about; None if the file lacks them."""

    decision_id: str | None
    event_id: str | None
    entity: str | None


@dataclass
class _Problems:
    """Problems of a file, each with the numbers of its rows."""

    rows: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    first_row: int = 1

    def add(self, problem: str, mask: NDArray[np.bool_]) -> None:
        if mask.any():
            found = np.flatnonzero(mask) + self.first_row
            add_rows(self.rows, {problem: found})

    def read(self, frame: pl.DataFrame, name: str, dtype: str, must: str, *, required: bool) -> NDArray[np.float64]:
        column, unreadable, missing = read_column(frame[name], dtype)  # type: ignore[arg-type]
        self.add(f"{name} {must}", unreadable)
        if required:
            self.add(f"{name} is empty", missing)
        return column

    def moments(self, frame: pl.DataFrame, name: str, *, required: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Milliseconds since 1970, NaN where a row has none."""
        if name not in frame.columns:
            return np.full(frame.height, np.nan)
        seconds, unreadable, missing = read_column(frame[name], "datetime")
        self.add(f"{name} must be ISO 8601 times", unreadable)
        self.add(f"{name} is empty", missing & required)
        # whole microseconds first: the float64 nearest to a time in seconds may lie a little before it
        milliseconds: NDArray[np.float64] = np.floor(np.round(seconds * 1e6) / 1e3)
        return milliseconds


def _texts(frame: pl.DataFrame, name: str | None) -> pl.Series:
    """The column as stripped text, "" where a value is missing."""
    if name is None or name not in frame.columns:
        return pl.Series([""] * frame.height, dtype=pl.String)
    return frame[name].cast(pl.String).str.strip_chars().fill_null("")


def _event_ids(frame: pl.DataFrame, name: str | None) -> pl.Series:
    """The ids of events as a file of events has them, "" where a value is missing."""
    return _texts(frame, name) if name is None else read_ids(frame[name], "str")[0].fill_null("")


def _unknown_rows(frame: pl.DataFrame, reasons: dict[int, str], *, first_row: int) -> pl.DataFrame:
    is_unknown = pl.Series([index in reasons for index in range(frame.height)], dtype=pl.Boolean)
    found = frame.drop(ROW, WHY, strict=False).filter(is_unknown)
    row, reason = (
        pl.Series(ROW, [index + first_row for index in reasons], pl.Int64),
        pl.Series(WHY, reasons.values(), pl.String),
    )
    return found.with_columns(row, reason)
