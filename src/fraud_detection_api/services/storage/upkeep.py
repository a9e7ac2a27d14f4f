"""Looking after the store: retention, erasure, backups and checks, beside the servers that use it."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import FraudError, StoreUnavailable
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.storage.decision_store import (
    DecisionFilter,
    DecisionStore,
    Older,
    StoreSummary,
    StoreUpkeep,
)
from fraud_detection_api.services.storage.erasing import Erasing, Residue, no_residue
from fraud_detection_api.telemetry import log_event, log_failure

ROWS_A_TRANSACTION = 1_000
"""Rows removed at a time: SQLite has one writer, and servers wait for this one."""

PAUSE_SECONDS = 0.05
"""Between two transactions, so that servers get their turn."""

TIDY_SECONDS = 60.0
"""Seconds between two removals of expired idempotency keys by a server."""

SHORTEST_TRACE = 4
"""Characters; a shorter number occurs in too many records."""


class Purged(NamedTuple):
    """How many decisions, events and idempotency keys were removed."""

    decisions: int
    events: int
    idempotency_keys: int


class Erased(NamedTuple):
    """How many decisions and events lost their record. `altered` ones had been changed before; their seals stay broken.

    `traces` counts places in the store's files that still hold the id: in unused space, or because another record has the
    same number. Ids shorter than SHORTEST_TRACE are not searched for.
    """

    decisions: int
    events: int
    altered: int
    traces: int


class Checked(NamedTuple):
    """The ids of decisions with a broken seal, of so many checked."""

    altered: list[str]
    decisions: int


class UpkeepService:
    """Looks after `store`, whose idempotency keys live for `idempotency_seconds`. `pause` waits for some seconds."""

    def __init__(
        self,
        store: DecisionStore,
        upkeep: StoreUpkeep,
        *,
        recorder: Recorder,
        idempotency_seconds: float,
        pause: Callable[[float], None] = time.sleep,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._upkeep, self._recorder = store, upkeep, recorder
        self._idempotency_seconds, self._pause, self._wall_clock = idempotency_seconds, pause, wall_clock

    def migrate(self) -> tuple[str | None, str | None]:
        """Bring the tables up to this version; returns their revisions before and after."""
        before = self._upkeep.revision()
        self._store.migrate()
        return before, self._upkeep.revision()

    def require_ready(self) -> None:
        """Raise StoreUnavailable if there is no store, or one of another version; looking creates none."""
        self._upkeep.require_ready()

    def summary(self) -> StoreSummary:
        """Counts, times and sizes."""
        self._upkeep.require_ready()
        return self._upkeep.summary()

    def count_older(self, seconds: float) -> Older:
        """How many decisions and events a purge would remove."""
        self._upkeep.require_ready()
        return self._upkeep.count_older(self._before(seconds))

    def purge(self, seconds: float, report: Callable[[int], None]) -> Purged:
        """Remove older decisions and events, and expired or older keys, in small transactions.

        `report` gets the number of decisions and events that were removed so far.
        """
        self._upkeep.require_ready()
        before, removed = self._before(seconds), [0, 0]
        for which, remove in enumerate((self._upkeep.remove_older, self._upkeep.remove_events)):
            for count in self._removals(partial(remove, before, limit=ROWS_A_TRANSACTION)):
                removed[which] += count
                report(sum(removed))
        keys = self._remove_keys(max(before, self._before(self._idempotency_seconds)))
        if keys or any(removed):
            self._upkeep.files.scrub()
        decisions, events = removed
        return Purged(decisions, events, keys)

    def erase(self, entity_id: str, *, residue: Residue = no_residue) -> Erased:
        """Remove the entity, record and reasons from all decisions and events about it, and remove their stored answers.

        The id counts as text and, if it can be one, as a whole number. With pseudonyms, decisions stored before there were
        any are found too. `residue` says what stays of a record. Raises StoreUnavailable where decisions about it remain.
        """
        self._upkeep.require_ready()
        names, erasing = self._recorder.entities(entity_id), Erasing(self._recorder, residue)
        intact = [sound for name in names for sound in self._erase(erasing, name)]
        intact += self._erase_unlisted(erasing, names)
        events = list(self._erase_events(erasing, names))
        if intact or events:
            self._upkeep.files.scrub()
        searched = {name.removeprefix('"').removesuffix('"') for name in names}
        traces = sum(self._upkeep.files.traces(text) for text in searched if len(text) >= SHORTEST_TRACE)
        altered = len(intact) - sum(intact) + len(events) - sum(events)
        return Erased(len(intact), len(events), altered, traces)

    def compact(self) -> tuple[int, int]:
        """Rewrite the files without free space; returns their bytes before and after. Writers wait meanwhile."""
        before = self.summary().size_bytes
        self._upkeep.files.compact()
        return before, self._upkeep.summary().size_bytes

    def backup(self, target: Path) -> None:
        """Write a verified copy of one moment. Raises BackupFailed."""
        self._upkeep.require_ready()
        self._upkeep.files.backup(target)

    def restore(self, source: Path, *, replace: bool) -> StoreSummary:
        """Replace the store by a copy of a backup, and bring it up to this version. Raises BackupFailed."""
        self._upkeep.files.restore(source, replace=replace)
        self._store.migrate()
        return self._upkeep.summary()

    def problems(self) -> list[str]:
        """What is wrong with the files, a line each; rows of a damaged file prove nothing."""
        self._upkeep.require_ready()
        return self._upkeep.files.problems()

    def check_sample(self, sample: int, *, seed: int, report: Callable[[float], None]) -> Checked:
        """Check about `sample` seals drawn at random; `report` gets the share checked."""
        altered, checked = [], 0
        for row in self._drawn(sample, random.Random(seed)):  # noqa: S311 no secret
            checked += 1
            if not self._recorder.is_intact(row):
                altered.append(row.decision_id)
            if checked % ROWS_A_TRANSACTION == 0:
                report(checked / sample)
        return Checked(altered, checked)

    async def watch(self, every_seconds: float) -> None:
        """Remove expired idempotency keys again and again, off the event loop."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                removed = await asyncio.to_thread(self._tidy)
            except FraudError as error:  # the decision writer logs it too, and retries
                log_event("upkeep_postponed", reason=str(error))
            except Exception as error:  # noqa: BLE001 without this watcher the store would grow silently
                log_failure("upkeep_failed", error)
            else:
                if removed:
                    log_event("idempotency_keys_removed", count=removed)

    def close(self) -> None:
        """Release connections."""
        self._upkeep.close()

    def _tidy(self) -> int:
        try:
            return self._remove_keys(self._before(self._idempotency_seconds))
        finally:
            self._upkeep.close()  # nothing else happens for a minute

    def _before(self, seconds: float) -> int:
        return int((self._wall_clock() - seconds) * 1000)

    def _remove_keys(self, before: int) -> int:
        return sum(self._removals(lambda: self._upkeep.remove_keys(before, limit=ROWS_A_TRANSACTION)))

    def _removals(self, remove: Callable[[], int]) -> Iterator[int]:
        while count := remove():
            yield count
            if count < ROWS_A_TRANSACTION:
                return
            self._pause(PAUSE_SECONDS)

    def _erase(self, erasing: Erasing, entity: str) -> Iterator[bool]:
        """Erase decisions stored under that name; for each, whether it was intact."""
        while rows := self._store.following(DecisionFilter(entity=entity), limit=ROWS_A_TRANSACTION):
            yield from self._erase_rows(erasing, rows)

    def _erase_unlisted(self, erasing: Erasing, entities: Sequence[str]) -> Iterator[bool]:
        """Erase decisions that lists do not show, as somebody changed their index."""
        ids = self._upkeep.ids_about(entities)
        for first in range(0, len(ids), ROWS_A_TRANSACTION):
            yield from self._erase_rows(erasing, self._store.find_each(ids[first : first + ROWS_A_TRANSACTION]))
        if ids and (remaining := self._upkeep.ids_about(entities)):
            raise StoreUnavailable(
                f"decisions about the id that cannot be read, and were not erased: {len(remaining)}; `fraud store check` "
                "says what is wrong with the store"
            )

    def _erase_rows(self, erasing: Erasing, rows: Sequence[StoredDecision]) -> list[bool]:
        erased = [erasing.decision(row) for row in rows]
        self._upkeep.erase(erased)
        self._pause(PAUSE_SECONDS)
        return [self._recorder.is_intact(row) for row in erased]

    def _erase_events(self, erasing: Erasing, entities: Sequence[str]) -> Iterator[bool]:
        """Erase events about the entities; for each, whether it was intact."""
        while events := self._upkeep.events_about(entities, limit=ROWS_A_TRANSACTION):
            erased = [erasing.event(event) for event in events]
            self._upkeep.erase_events(erased)
            self._pause(PAUSE_SECONDS)
            yield from (self._recorder.is_intact_event(event) for event in erased)

    def _drawn(self, count: int, draws: random.Random) -> Iterator[StoredDecision]:
        """At most `count` decisions: those that follow ids drawn from the span of all ids."""
        ends = [*self._store.following(DecisionFilter(), limit=1), *self._store.page(DecisionFilter(), limit=1)]
        if not ends:
            return
        low, high = map(_number, ends)
        before = low - 1 - (high - low) // count  # so that the first decision can be drawn, too
        seen = set()
        for _ in range(count):
            point = uuid_text(draws.randint(before, high - 1).to_bytes(16, "big"))
            (row,) = self._store.following(DecisionFilter(), limit=1, after=point)
            if row.decision_id not in seen:
                seen.add(row.decision_id)
                yield row


def _number(row: StoredDecision) -> int:
    return int.from_bytes(uuid_bytes(row.decision_id), "big")
