"""What turned out to be true of decisions, on its way into the store and back."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fraud_detection_api.decision.label import EntityAt, Fate, Finding, Label
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.label_store import LabelStore

_WHY: dict[Fate, str] = {
    "unknown_decision": "no decision of that id is kept",
    "erased": "the decision's record was erased, so there is nothing to label",
    "nothing_by_then": "no decision on that entity was made by then",
}


class UnknownSubject(NamedTuple):
    """A finding about a decision that cannot be labelled: its place among those handed in, from 0, and why."""

    place: int
    why: str


class Recorded(NamedTuple):
    """What became of findings: `repeated` ones changed nothing."""

    recorded: int
    repeated: int
    unknown: Sequence[UnknownSubject]


CLOCKS_DIFFER_MS = 300_000
"""What became known just now, by a clock that goes before ours, is not of the future."""


class LabelService:
    """Records labels, and tells them. Without a store that raises NoStore. The clock is in seconds."""

    def __init__(
        self, store: LabelStore | None, recorder: Recorder, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._recorder, self._wall_clock = store, recorder, wall_clock

    def latest(self) -> int:
        """The latest moment that something can have become known, in milliseconds since 1970."""
        return int(self._wall_clock() * 1000) + CLOCKS_DIFFER_MS

    def entity_at(self, entity_id: int | str, at: int) -> EntityAt:
        """The entity as it is kept, and when: milliseconds since 1970."""
        entity = self._recorder.entity(entity_id)
        assert entity is not None
        return EntityAt(entity, at)

    def record(self, findings: Sequence[Finding]) -> Recorded:
        """Record what can be; the rest is told by its place. Raises StoreUnavailable: nothing was recorded."""
        fates = self._labels.record(findings)
        unknown = [UnknownSubject(place, _WHY[fate]) for place, fate in enumerate(fates) if fate in _WHY]
        return Recorded(fates.count("recorded"), fates.count("repeated"), unknown)

    def history(self, decision_id: str) -> list[Label]:
        """All labels of a decision, as recorded. Raises UnknownDecision, StoreUnavailable."""
        return self._labels.history(decision_id)

    @property
    def _labels(self) -> LabelStore:
        if self._store is None:
            raise NoStore
        return self._store
