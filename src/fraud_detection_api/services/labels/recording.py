"""Records labels and reads them."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.label import EntityAt, Finding, Label, LabelResult
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.deciding.recording import Recorder


class LabelStore(Protocol):
    """Stores labels beside their decisions and events; the decision store's `migrate` prepares it.

    Labels are added, never changed. Any thread may call each method, which raises StoreUnavailable when the store cannot
    work.
    """

    def record(self, findings: Sequence[Finding]) -> list[LabelResult]:
        """Record findings about decisions and events that have a record, in one transaction.

        Returns a result for each, in order. A finding that repeats a label, or another one of `findings`, changes nothing.
        """

    def history(self, decision_id: str) -> list[Label]:
        """All labels of a decision, also of an erased one, in the order of recording. Raises UnknownDecision."""

    def in_force(self, subject_ids: Sequence[str]) -> Mapping[str, Label]:
        """The labels in force of these decisions and events, by their ids; those without a label are absent."""


_REASONS: dict[LabelResult, str] = {
    "unknown_decision": "no decision with that id is stored",
    "unknown_event": "no event with that id is stored",
    "erased": "the record was erased, so there is nothing to label",
    "nothing_by_then": "there was no decision on that entity by then",
}


class UnknownSubject(NamedTuple):
    """A finding about what cannot be labelled: its index among those submitted, from 0, and the reason."""

    finding_index: int
    reason: str


class Recorded(NamedTuple):
    """Results of findings: `repeated` ones changed nothing."""

    recorded: int
    repeated: int
    unknown: Sequence[UnknownSubject]


CLOCKS_DIFFER_MS = 300_000
"""A time just ahead of this clock may be the present of another clock, and does not count as the future."""


class LabelService:
    """Records labels and reads them. Raises NoStore without a store. The clock is in seconds."""

    def __init__(
        self, store: LabelStore | None, recorder: Recorder, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._recorder, self._wall_clock = store, recorder, wall_clock

    def latest(self) -> int:
        """The latest time at which a label can have become known, in milliseconds since 1970."""
        return int(self._wall_clock() * 1000) + CLOCKS_DIFFER_MS

    def entity_at(self, entity_id: int | str, at: int) -> EntityAt:
        """The entity in its stored form, with the time in milliseconds since 1970."""
        entity = self._recorder.entity(entity_id)
        assert entity is not None
        return EntityAt(entity, at)

    def record(self, findings: Sequence[Finding]) -> Recorded:
        """Record what can be recorded, and report the rest by index. Raises StoreUnavailable: nothing was recorded."""
        results = self._labels.record(findings)
        unknown = [
            UnknownSubject(index, _REASONS[result]) for index, result in enumerate(results) if result in _REASONS
        ]
        return Recorded(results.count("recorded"), results.count("repeated"), unknown)

    def history(self, decision_id: str) -> list[Label]:
        """All labels of a decision, in the order of recording. Raises UnknownDecision, StoreUnavailable."""
        return self._labels.history(decision_id)

    @property
    def _labels(self) -> LabelStore:
        if self._store is None:
            raise NoStore
        return self._store
