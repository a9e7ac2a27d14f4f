"""Slots of time that records are still counted into: held here, and whole in the store after each piece."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.monitoring.counts import UNREADABLE_COUNTS, Counts
from fraud_detection_api.services.observing.observation_store import ObservationStore
from fraud_detection_api.telemetry import log_event

SLOT_SECONDS = (300, 3600)
"""The shorter ones for the last hour, the longer ones for a day and a week."""

_HELD_SECONDS = 2 * 3600


class SlotKey(NamedTuple):
    """Which slot: `start` in milliseconds since 1970."""

    start: int
    seconds: int
    model_digest: str


class OpenSlots:
    """The slots that were counted into last. One that is not held is looked for in the store, after a start all are."""

    def __init__(self, observations: ObservationStore) -> None:
        self._observations = observations
        self._held: dict[SlotKey, Counts] = {}

    def forget(self) -> None:
        """Hold none: somebody else may have counted into them."""
        self._held = {}

    def with_counts(self, counted: Iterable[tuple[SlotKey, Counts]], position: int) -> dict[SlotKey, Counts]:
        """What slots of both lengths become with these counts, whose keys are of the shorter length; nothing changes yet.

        Raises StoreUnavailable, also where somebody else has observed further than `position`.
        """
        changed: dict[SlotKey, Counts] = {}
        for key, counts in counted:
            for seconds in SLOT_SECONDS:
                whole = SlotKey(key.start - key.start % (seconds * 1000), seconds, key.model_digest)
                before = changed.get(whole) or self._held.get(whole) or self._kept(whole, position)
                changed[whole] = _merged(whole, before, counts)
        return changed

    def hold(self, changed: Mapping[SlotKey, Counts]) -> None:
        """They are in the store now."""
        held = {**self._held, **changed}
        newest = max((key.start for key in held), default=0)
        self._held = {key: counts for key, counts in held.items() if key.start > newest - _HELD_SECONDS * 1000}

    def _kept(self, wanted: SlotKey, position: int) -> Counts | None:
        slots = self._observations.slots(since=wanted.start, seconds=wanted.seconds)
        if self._observations.position() != position:  # these may have counted what comes after it
            raise StoreUnavailable("another observer has observed further")
        for slot in slots:
            if SlotKey(*slot[:3]) == wanted:
                try:
                    return Counts.from_json(slot.counts)
                except UNREADABLE_COUNTS:
                    _replaced(wanted)
        return None


def _merged(key: SlotKey, before: Counts | None, counts: Counts) -> Counts:
    if before is None:
        return counts
    try:
        return before.merged(counts)
    except UNREADABLE_COUNTS:
        _replaced(key)
        return counts


def _replaced(key: SlotKey) -> None:
    """A slot that another version of the software counted in other bins."""
    log_event("drift_slot_replaced", level=logging.WARNING, start=key.start, seconds=key.seconds)
