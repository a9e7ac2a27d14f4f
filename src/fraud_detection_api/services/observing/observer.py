"""Kept decisions, read after the cursor: each is counted for drift once, and scored by the challenger."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fraud_detection_api.contract.columns import Columns, columns_from_records
from fraud_detection_api.decision.identifiers import uuid_text
from fraud_detection_api.decision.log import Run
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.monitoring.counts import Bins, Counts
from fraud_detection_api.services.auditing.sequencing import Sequencer
from fraud_detection_api.services.history.replay import UNREADABLE_RECORD, stored_records
from fraud_detection_api.services.models.stored_models import Absent, StoredModels
from fraud_detection_api.services.observing.observation_store import CountedSlot, ObservationStore, ShadowDecision
from fraud_detection_api.services.observing.open_slots import SLOT_SECONDS, OpenSlots, SlotKey
from fraud_detection_api.services.observing.shadow import ObserverMetrics, Shadowing
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.telemetry import log_event

MOST_ABSENT = 4
LOOK_AGAIN_SECONDS = 60.0


class ObservedModel(NamedTuple):
    """A verified model and the bins that its records are counted in."""

    bundle: Bundle
    bins: Bins


class ObservedModels:
    """Finds the models of decisions. A loaded model is not verified again; a missing one is looked for once a minute."""

    def __init__(self, models: StoredModels, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._models, self._clock = models, clock
        self._absent: dict[str, float] = {}

    def of(self, decision: StoredDecision) -> ObservedModel | None:
        """The model that made the decision; None where the registry no longer has it. Raises RegistryUnavailable."""
        bundle = self._models.loaded(decision.model_digest) or self._found(
            decision.model_version, decision.model_digest
        )
        return None if bundle is None else ObservedModel(bundle, Bins(bundle.reference))

    def _found(self, version: str, digest: str) -> Bundle | None:
        if digest in self._absent and self._clock() < self._absent[digest] + LOOK_AGAIN_SECONDS:
            return None
        found = self._models.find(version, digest)
        if isinstance(found, Absent):
            self._absent = {digest: self._clock(), **dict(list(self._absent.items())[:MOST_ABSENT])}
            log_event("observed_model_missing", level=logging.WARNING, reason=found.reason)
            return None
        return found


PIECE_DECISIONS = 1_000
"""Decisions observed together: in one transaction, which holds up those that keep decisions in SQLite."""

KEPT_SECONDS = 8 * 86_400.0
"""Slots serve windows of up to a week; older ones are removed."""

_CLEANING_SECONDS = 3600.0


class _Observed(NamedTuple):
    """Decisions of one model: what they count, and their shadows."""

    rows: Sequence[StoredDecision]
    counted: list[tuple[SlotKey, Counts]]
    shadows: list[ShadowDecision]


class Observer:
    """Observes the decisions of `store` in the order of the log, from where `observations` say that the last one ended.

    So each is observed once, whatever clocks say. Where more than `backlog` decisions wait, the oldest are passed
    over. For one thread.
    """

    def __init__(  # noqa: PLR0913 each is one of its parts
        self,
        store: DecisionStore,
        log: Sequencer,
        observations: ObservationStore,
        models: ObservedModels,
        shadowing: Shadowing,
        metrics: ObserverMetrics,
        *,
        backlog: int,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._log, self._observations = store, log, observations
        self._models, self._shadowing, self._metrics = models, shadowing, metrics
        self._backlog, self._clock, self._wall_clock = backlog, clock, wall_clock
        self._slots = OpenSlots(observations)
        self._position = 0
        self._caught_up_at: float | None = None
        self._clean_at = self._clock()

    def begin(self) -> None:
        """Continue from the store's position, whichever process wrote it. Raises StoreUnavailable."""
        self._store.migrate()
        self._log.begin()
        self._slots.forget()
        self._position = self._observations.position()
        if not 0 <= self._position <= self._log.size:  # decisions would be passed over
            raise StoreUnavailable("somebody changed the store's observer_position: it is not a position in the log")

    def observe(self) -> bool:
        """Observe the next piece, or nothing of it; returns whether more waits.

        After an error `begin` has to come first. Raises StoreUnavailable, RegistryUnavailable.
        """
        self._clean()
        more = self._log.sequence()
        self._skip_backlog()
        runs = self._log.following(self._position, limit=PIECE_DECISIONS)
        if runs:
            self._take(runs)
        if more or self._position < self._log.size:
            self._metrics.lags(self._lag())
            return True
        self._caught_up_at = self._clock()
        self._metrics.lags(0.0)
        return False

    def end(self) -> None:
        """Log and sign what was stored: nobody may do so for long. Raises StoreUnavailable."""
        self._log.sequence()
        self._log.sign()

    def stalled(self) -> None:
        """Nothing can be observed now."""
        self._metrics.lags(self._lag())

    def _lag(self) -> float:
        """Seconds since there was nothing left to observe, or since this began."""
        if self._caught_up_at is None:
            self._caught_up_at = self._clock()
        return self._clock() - self._caught_up_at

    def _clean(self) -> None:
        if self._clock() >= self._clean_at:
            self._observations.remove_before(int((self._wall_clock() - KEPT_SECONDS) * 1000))
            self._clean_at = self._clock() + _CLEANING_SECONDS

    def _take(self, runs: Sequence[Run]) -> None:
        ids = [uuid_text(subject) for run in runs if run.kind == "decision" for subject, _ in run.pairs()]
        rows = self._store.find_each(ids)
        observed = list(self._observed(rows))
        changed = self._slots.with_counts((counted for some in observed for counted in some.counted), self._position)
        slots = [CountedSlot(*key, counts.as_json()) for key, counts in changed.items()]
        shadows = [shadow for some in observed for shadow in some.shadows]
        self._observations.record(runs[-1].end, slots, shadows)
        self._position = runs[-1].end
        self._slots.hold(changed)
        counted = sum(len(some.rows) for some in observed)
        self._metrics.observed(counted, len(ids) - counted)
        for some in observed:
            self._metrics.shadowed(some.rows, some.shadows)

    def _observed(self, rows: Sequence[StoredDecision]) -> Iterator[_Observed]:
        """Decisions that a model made of records that are still there, by model; a fallback says nothing of a model."""
        # records of another contract are no columns of this one, even where somebody changed what a row says of its model
        by_model: dict[tuple[str, str], list[StoredDecision]] = {}
        for row in rows:
            if row.source == "model" and row.record is not None:
                by_model.setdefault((row.model_digest, row.contract), []).append(row)
        for of_model in by_model.values():
            if (model := self._models.of(of_model[0])) is not None:
                yield from self._of_model(model, of_model)

    def _of_model(self, model: ObservedModel, rows: Sequence[StoredDecision]) -> list[_Observed]:
        """In halves where a record does not follow the contract, down to that one, which is left out."""
        try:
            columns = columns_from_records(model.bundle.contract, stored_records(model.bundle.contract, rows))
            counted = _counted(model, rows, columns)
        except UNREADABLE_RECORD:
            if len(rows) == 1:
                return []
            middle = len(rows) // 2
            return self._of_model(model, rows[:middle]) + self._of_model(model, rows[middle:])
        return [_Observed(rows, counted, self._shadowing.decisions(rows, model.bundle.contract, columns))]

    def _skip_backlog(self) -> None:
        """Pass over the oldest decisions that wait, where those are too many; removals and labels do not count."""
        if self._log.size - self._position <= self._backlog:
            return
        runs = self._log.decisions_from(self._position)
        waiting, skipped, position = sum(leaves for _, leaves in runs), 0, self._position
        for (_, leaves), (following, _) in pairwise(runs):
            if waiting - leaves < self._backlog:
                break
            waiting, skipped, position = waiting - leaves, skipped + leaves, following
        if not skipped:
            return
        self._observations.record(position, [], [])
        self._position = position
        self._metrics.observed(0, skipped)
        self._shadowing.dropped(skipped)
        log_event("observer_skipped", records=skipped, waiting=waiting)


def _counted(model: ObservedModel, rows: Sequence[StoredDecision], columns: Columns) -> list[tuple[SlotKey, Counts]]:
    length = SLOT_SECONDS[0] * 1000
    starts = np.array([row.decided_at for row in rows], dtype=np.int64) // length * length
    probabilities = np.array([row.fraud_probability for row in rows], dtype=np.float64)
    outcomes = [row.outcome for row in rows]
    return [
        (
            SlotKey(start, SLOT_SECONDS[0], rows[0].model_digest),
            model.bins.count(columns, probabilities, outcomes, starts == start),
        )
        for start in np.unique(starts).tolist()
    ]
