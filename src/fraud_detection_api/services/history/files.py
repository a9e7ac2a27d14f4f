"""Loads files of events in batches, so that they may be larger than memory."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import MAX_TEXT, Contract
from fraud_detection_api.decision.event import GivenEvent, event_contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.field_texts import STORABLE
from fraud_detection_api.services.history.events import EventService, EventsRecorded
from fraud_detection_api.tables.checking import (
    TableCheck,
    add_rows,
    check_table,
    identifier_rows,
    missing_column,
    problem_texts,
    untimed_rows,
)
from fraud_detection_api.tables.files import reading, require_rows, scan_file
from fraud_detection_api.tables.reading import read_ids
from fraud_detection_api.tables.targets import TargetLevels, is_positive, target_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS_A_BATCH = 20_000
"""Rows that are read and checked together."""

EVENTS_A_TRANSACTION = 1_000
"""Bounds how long servers that store decisions wait."""

MOST_PENDING = 2
"""Transactions that wait for the one before."""

_DIGEST_BYTES = 8


class Loaded(NamedTuple):
    """How many rows a file has, how many events of them were recorded, and how many had been before.

    `warning` says what may be wrong with the file, if anything.
    """

    rows: int
    recorded: int
    repeated: int
    warning: str | None = None


@dataclass(frozen=True)
class EventLoader:
    """Loads files of a contract's records as events. Calls `on_progress` with the share that is done.

    The column `id_column` has the events' own ids. Without one, an event's id is its row number and a digest of the ids,
    times and keys of the rows up to it: a file that is loaded again, or has grown, adds what is new. The target, where the
    file has it, says whether an event is known as fraud.
    """

    events: EventService
    contract: Contract
    id_column: str | None = None
    on_progress: Callable[[float], None] = lambda _share: None
    separator: str | None = None

    def load_file(self, source: Path) -> Loaded:
        """Check all rows of the file, then record its events in their order.

        Raises NoStore, NoHistory, InvalidDataset (nothing was recorded), StoreUnavailable (earlier rows were recorded; load
        the file again).
        """
        self.events.require(self.contract)
        scan, rows = scan_file(source, self.separator)
        with reading(source, self.separator):
            names = scan.collect_schema().names()
        reader = _Reader(self.contract, self.id_column, names)
        if reader.missing:
            raise InvalidDataset(str(source), reader.missing)
        problems: dict[str, NDArray[np.int64]] = {}
        levels = TargetLevels(self.contract)
        for first, frame in self._batches(scan, reader, source):
            add_rows(problems, reader.check(frame, first).bad_rows)
            if (said := reader.target(frame)) is not None:
                levels.add(said)
            self.on_progress((first + frame.height) / rows / 2)
        if found := [*problem_texts(problems), *levels.problems()]:
            raise InvalidDataset(str(source), found)
        recorded = repeated = 0
        for done in self._recorded(self._transactions(scan, reader, source)):
            recorded, repeated = recorded + len(done.recorded), repeated + done.repeated
            self.on_progress(0.5 + (recorded + repeated) / rows / 2)
        require_rows(source, recorded + repeated, rows, self.separator)
        return Loaded(rows, recorded, repeated, levels.warning())

    def _recorded(self, transactions: Iterator[list[GivenEvent]]) -> Iterator[EventsRecorded]:
        """What each transaction recorded. One is written while the next ones are read."""
        pending: deque[Future[EventsRecorded]] = deque()
        with ThreadPoolExecutor(1) as writer:
            try:
                for events in transactions:
                    pending.append(writer.submit(self.events.record, self.contract, events))
                    if len(pending) > MOST_PENDING:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for each in pending:  # after one that failed
                    each.cancel()

    def _transactions(self, scan: pl.LazyFrame, reader: "_Reader", source: Path) -> Iterator[list[GivenEvent]]:
        for first, frame in self._batches(scan, reader, source):
            events = reader.events(frame, first)
            yield from (events[at : at + EVENTS_A_TRANSACTION] for at in range(0, len(events), EVENTS_A_TRANSACTION))

    def _batches(self, scan: pl.LazyFrame, reader: "_Reader", source: Path) -> Iterator[tuple[int, pl.DataFrame]]:
        """Frames of the columns that are read, each with the number of its first row, from 1."""
        first = 1
        with reading(source, self.separator):
            for frame in scan.select(reader.read).collect_batches(chunk_size=ROWS_A_BATCH, maintain_order=True):
                for batch in frame.iter_slices(ROWS_A_BATCH):
                    yield first, batch
                    first += batch.height


@dataclass
class _Reader:
    """Reads events of a file that has the columns `names`."""

    contract: Contract
    id_column: str | None
    names: list[str]
    _digest: "hashlib.blake2b" = field(default_factory=lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES))

    def __post_init__(self) -> None:
        contract = self.contract
        self._checked = event_contract(contract)
        named = [each.name for each in (contract.identifier, contract.time) if each is not None]
        keys = [name for name, key in contract.keys.items() if not key.nullable or name in contract.read_by_history]
        self._identifying = [*named, *keys]
        required = [*named, *keys, *(name for name in contract.features if name in contract.read_by_history)]
        own = [] if self.id_column is None else [self.id_column]
        self.missing = [missing_column(name, self.names) for name in [*required, *own] if name not in self.names]
        self._columns = [name for name in contract.record_columns if name in self.names]
        optional = [name for name in (contract.target.name,) if name in self.names]
        self.read = list(dict.fromkeys([*self._columns, *own, *optional]))

    def check(self, frame: pl.DataFrame, first_row: int) -> TableCheck:
        """The checked columns, and the problems of the rows."""
        absent = [name for name in self.contract.features if name not in self.names]
        check = check_table(
            frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent),
            self._checked,
            first_row=first_row,
        )
        check.bad_rows |= identifier_rows(frame, self._checked, first_row=first_row)
        check.bad_rows |= untimed_rows(frame, self._checked, first_row=first_row)
        if self.id_column is not None:
            ids, _, missing = read_ids(frame[self.id_column], "str")
            texts = ids.fill_null("")
            bad = {
                "is empty": missing,
                f"must be at most {MAX_TEXT} characters": (texts.str.len_chars() > MAX_TEXT).to_numpy(),
                "must not hold the character U+0000": ~texts.str.contains(STORABLE).to_numpy(),
            }
            found = {f"{self.id_column} {what}": np.flatnonzero(rows) + first_row for what, rows in bad.items()}
            check.bad_rows |= {problem: rows for problem, rows in found.items() if rows.size}
        return check

    def events(self, frame: pl.DataFrame, first_row: int) -> list[GivenEvent]:
        """The events of checked rows, with records as they are on the wire."""
        columns = {each.name: each for each in self.check(frame, first_row).typed(frame, self._checked)}
        records = pl.DataFrame([_as_sent(columns[name]) for name in self._columns])
        return [
            GivenEvent(*each)
            for each in zip(self._ids(frame, records, first_row), records.to_dicts(), self._known(frame), strict=True)
        ]

    def _ids(self, frame: pl.DataFrame, records: pl.DataFrame, first_row: int) -> Iterator[str]:
        if self.id_column is not None:
            yield from read_ids(frame[self.id_column], "str")[0]
            return
        for number, row in enumerate(records.select(self._identifying).iter_rows(), first_row):
            self._digest.update(to_json(row))
            yield f"row-{number:010d}-{self._digest.hexdigest()}"

    def _known(self, frame: pl.DataFrame) -> list[bool | None]:
        """Whether each event is known as fraud; None where the file does not say."""
        if (said := self.target(frame)) is None:
            return [None] * frame.height
        known: list[bool | None] = pl.Series(is_positive(said, self.contract)).set(said.is_null(), None).to_list()
        return known

    def target(self, frame: pl.DataFrame) -> pl.Series | None:
        """The target's column, null where it is empty, if the file has it."""
        name = self.contract.target.name
        return target_column(frame[name], self.contract) if name in frame.columns else None


def _as_sent(series: pl.Series) -> pl.Series:
    """Times as the text that a validated record has; other columns as they are."""
    if not isinstance(series.dtype, pl.Datetime):
        return series
    whole, parts = series.dt.to_string("%Y-%m-%dT%H:%M:%SZ"), series.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")
    return whole.zip_with((series.dt.microsecond() == 0).fill_null(value=True), parts)
