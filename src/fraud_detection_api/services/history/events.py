"""Events that are no decisions: they are recorded once, and history features count them from then on."""

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.event import GivenEvent, StoredEvent
from fraud_detection_api.decision.identifiers import uuids7
from fraud_detection_api.errors import NoHistory, NoStore
from fraud_detection_api.services.deciding.recording import Recorder

_RANDOM_BYTES = 10


class EventStore(Protocol):
    """Stores events beside the decisions, in the order of the store's log. Raises StoreUnavailable when it cannot work."""

    def record(self, events: Sequence[StoredEvent]) -> int:
        """Store those whose `external_id` is new, in one transaction; returns how many were.

        Of several with one `external_id`, the first is stored.
        """

    def about(self, entity: str, *, limit: int, before: str | None = None) -> list[StoredEvent]:
        """The events recorded last about an entity, as it is stored; the last one first.

        With the id of an event or decision, those that were recorded before it.
        """

    def find_each(self, event_ids: Sequence[str]) -> list[StoredEvent]:
        """Those of the events that are stored, in no order."""


class EventsRecorded(NamedTuple):
    """The events that were recorded, and how many had been recorded before under the same id."""

    recorded: Sequence[GivenEvent]
    repeated: int


class EventService:
    """Records events. Raises NoStore without a store. The clock is in seconds."""

    def __init__(
        self,
        store: EventStore | None,
        recorder: Recorder,
        *,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store, self._recorder, self._wall_clock, self._random = store, recorder, wall_clock, random

    def require(self, contract: Contract) -> EventStore:
        """The store, if the contract reads events. Raises NoStore, NoHistory."""
        if self._store is None:
            raise NoStore
        if not contract.history:
            raise NoHistory(contract.name)
        return self._store

    def record(self, contract: Contract, events: Sequence[GivenEvent]) -> EventsRecorded:
        """Record events whose records are valid for the contract, durably, all or none.

        Raises NoStore, NoHistory, StoreUnavailable.
        """
        store, now = self.require(contract), int(self._wall_clock() * 1000)
        ids = sorted(uuids7(now, self._random(_RANDOM_BYTES * len(events))))
        stored = store.record(self._recorder.events(events, contract, ids=ids, recorded_at=now)) if events else 0
        recorded = events if stored == len(events) else []
        if 0 < stored < len(events):
            found = {each.event_id for each in store.find_each(ids)}
            recorded = [event for event, event_id in zip(events, ids, strict=True) if event_id in found]
        return EventsRecorded(recorded, len(events) - len(recorded))
