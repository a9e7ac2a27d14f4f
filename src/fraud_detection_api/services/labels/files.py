"""A file of labels into the store, in pieces, so that it may be larger than memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.label import LABEL_SOURCES, LONGEST_NOTE, EntityAt, Finding
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.services.labels.recording import LabelService
from fraud_detection_api.tables.checking import fault_texts, read_column
from fraud_detection_api.tables.files import reading, require_rows, scan_file

ROWS_A_TRANSACTION = 1_000
"""Servers that keep decisions wait for no longer than so many take."""

ROW, WHY = "row", "why"
"""Columns of the file that tells of unknown rows; one that is imported again has them still."""

_BY_ID, _BY_ENTITY = "decision_id", ("entity_id", "decided_at")
_SAID = ("is_fraud", "source")
_OPTIONAL = ("effective_at", "note")
_DECISION_ID = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


class Imported(NamedTuple):
    """What became of a file's rows. `unknown` are those that could not be recorded, with their numbers from 1, and why."""

    rows: int
    recorded: int
    repeated: int
    unknown: pl.DataFrame


@dataclass(frozen=True)
class LabelImporter:
    """Imports files; a CSV's entities are read as ids of the contract. `on_progress` is told the share that is done."""

    labels: LabelService
    contract: Contract
    on_progress: Callable[[float], None] = lambda _share: None

    def import_file(self, source: Path) -> Imported:
        """Record the file's labels, once all its rows were found to be readable.

        Raises InvalidDataset (nothing was recorded), StoreUnavailable (the rows before were; the file can be imported
        again).
        """
        scan, rows = scan_file(source)
        with reading(source):
            names = self._required_columns(scan.collect_schema().names(), source)
        faults = _Faults()
        for first, frame in self._pieces(scan, source):
            self._read(frame, names, faults, first_row=first)
            self.on_progress((first + frame.height) / rows / 2)
        if faults.rows:
            raise InvalidDataset(str(source), fault_texts(faults.rows))
        recorded = repeated = done = 0
        unknown: list[pl.DataFrame] = []
        for first, frame in self._pieces(scan, source):
            told = self.labels.record(self._read(frame, names, faults, first_row=first))
            recorded, repeated = recorded + told.recorded, repeated + told.repeated
            unknown.append(_unknown_rows(frame, dict(told.unknown), first_row=first))
            done += frame.height
            self.on_progress(0.5 + done / rows / 2)
        require_rows(source, done, rows)
        return Imported(done, recorded, repeated, pl.concat(unknown) if unknown else pl.DataFrame())

    def _required_columns(self, present: Sequence[str], source: Path) -> "_Columns":
        own = "entity_id" if self.contract.identifier is None else self.contract.identifier.name
        entity = next((name for name in ("entity_id", own) if name in present), None)
        columns = _Columns(_BY_ID if _BY_ID in present else None, entity if "decided_at" in present else None)
        problems = [f"column {name!r} is missing" for name in _SAID if name not in present]
        if columns.decision_id is None and columns.entity is None:
            problems.append("column 'decision_id' is missing, or 'entity_id' and 'decided_at' in its place")
        known = {_BY_ID, *_BY_ENTITY, entity, *_SAID, *_OPTIONAL, ROW, WHY}
        if extra := [name for name in present if name not in known]:
            listed = ", ".join(repr(name) for name in extra)
            problems.append(f"a label has no columns {listed}; leave them out")
        if problems:
            raise InvalidDataset(str(source), problems)
        return columns

    def _pieces(self, scan: pl.LazyFrame, source: Path) -> Iterator[tuple[int, pl.DataFrame]]:
        """Frames of at most so many rows as go together, and the number of the first of each, from 1."""
        first = 1
        with reading(source):
            for frame in scan.collect_batches(chunk_size=ROWS_A_TRANSACTION, maintain_order=True):
                for piece in frame.iter_slices(ROWS_A_TRANSACTION):
                    yield first, piece
                    first += piece.height

    def _read(self, frame: pl.DataFrame, columns: "_Columns", faults: "_Faults", *, first_row: int) -> list[Finding]:
        """Findings of the rows; of rows with faults, which are added to `faults`, nothing that counts."""
        faults.first_row = first_row
        is_fraud = faults.read(frame, "is_fraud", "bool", "must be true or false (or 1 and 0)", required=True)
        effective_at = faults.moments(frame, "effective_at", required=np.zeros(frame.height, dtype=np.bool_))
        faults.add("effective_at must not be in the future", effective_at > self.labels.latest())
        source, note = _texts(frame, "source"), _texts(frame, "note")
        faults.add(f"source must be one of {', '.join(LABEL_SOURCES)}", ~source.is_in(LABEL_SOURCES).to_numpy())
        faults.add(f"note must be at most {LONGEST_NOTE} characters", (note.str.len_chars() > LONGEST_NOTE).to_numpy())
        about = self._subjects(frame, columns, faults)
        return [
            Finding(one, bool(fraud), who, None if np.isnan(at) else int(at), text)
            for one, fraud, who, at, text in zip(about, is_fraud == 1, source, effective_at, note, strict=True)
        ]

    def _subjects(self, frame: pl.DataFrame, columns: "_Columns", faults: "_Faults") -> list[str | EntityAt]:
        """What each row is about: the decision of its id, or where it has none, its entity's at that time."""
        by_id = _texts(frame, columns.decision_id)
        without = (by_id == "").to_numpy()
        faults.add(
            "decision_id must be a decision's id, as it was answered",
            ~without & ~by_id.str.contains(_DECISION_ID).to_numpy(),
        )
        if columns.entity is None:
            faults.add("decision_id is empty", without)
            return by_id.to_list()
        entity = _texts(frame, columns.entity)
        faults.add(f"{columns.entity} is empty", without & (entity == "").to_numpy())
        ids: list[int | str | None] = entity.to_list()
        if self.contract.identifier is None or self.contract.identifier.dtype == "int":
            numbers = entity.str.replace(r"\.0$", "").cast(pl.Int64, strict=False)
            faults.add(
                f"{columns.entity} must be a whole number", without & (numbers.is_null() & (entity != "")).to_numpy()
            )
            ids = numbers.to_list()
        moments = faults.moments(frame, "decided_at", required=without)
        return [
            self.labels.entity_at(ids[row] or 0, 0 if np.isnan(moments[row]) else int(moments[row]))
            if without[row]
            else one
            for row, one in enumerate(by_id)
        ]


class _Columns(NamedTuple):
    """The columns that say what a row is about; None where the file has no such."""

    decision_id: str | None
    entity: str | None


@dataclass
class _Faults:
    """What is wrong with a file: fault → numbers of its rows."""

    rows: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    first_row: int = 1

    def add(self, fault: str, mask: NDArray[np.bool_]) -> None:
        if mask.any():
            found = np.flatnonzero(mask) + self.first_row
            self.rows[fault] = np.append(self.rows.get(fault, found[:0]), found)

    def read(self, frame: pl.DataFrame, name: str, dtype: str, must: str, *, required: bool) -> NDArray[np.float64]:
        column, unreadable, missing = read_column(frame[name], dtype)  # type: ignore[arg-type]
        self.add(f"{name} {must}", unreadable)
        if required:
            self.add(f"{name} is empty", missing)
        return column

    def moments(self, frame: pl.DataFrame, name: str, *, required: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Milliseconds since 1970, NaN where there is none."""
        if name not in frame.columns:
            return np.full(frame.height, np.nan)
        seconds, unreadable, missing = read_column(frame[name], "datetime")
        self.add(f"{name} must be ISO 8601 times", unreadable)
        self.add(f"{name} is empty", missing & required)
        # whole microseconds first: the float64 nearest to a time in seconds may lie a little before it
        milliseconds: NDArray[np.float64] = np.floor(np.round(seconds * 1e6) / 1e3)
        return milliseconds


def _texts(frame: pl.DataFrame, name: str | None) -> pl.Series:
    """The column as stripped text, "" where it is missing."""
    if name is None or name not in frame.columns:
        return pl.Series([""] * frame.height, dtype=pl.String)
    return frame[name].cast(pl.String).str.strip_chars().fill_null("")


def _unknown_rows(frame: pl.DataFrame, whys: dict[int, str], *, first_row: int) -> pl.DataFrame:
    is_unknown = pl.Series([place in whys for place in range(frame.height)], dtype=pl.Boolean)
    found = frame.drop(ROW, WHY, strict=False).filter(is_unknown)
    row, why = pl.Series(ROW, [place + first_row for place in whys], pl.Int64), pl.Series(WHY, whys.values(), pl.String)
    return found.with_columns(row, why)
