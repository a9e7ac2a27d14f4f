"""How many decisions of each outcome were made today, and which is the newest."""

import time
from collections.abc import Callable
from typing import NamedTuple

from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

MOST_COUNTED = 10_000
"""An outcome's decisions are counted so far, which takes less than a millisecond of the processor that also scores."""


class OutcomeCount(NamedTuple):
    """Decisions of an outcome; `is_capped` says that there may be more than were counted."""

    outcome: Outcome
    decisions: int
    is_capped: bool


class Today(NamedTuple):
    """Decisions since `since`, the beginning of the day in UTC, in milliseconds since 1970."""

    since: int
    outcomes: list[OutcomeCount]


class Traffic:
    """Counts stored decisions."""

    def __init__(
        self, store: DecisionStore | None, *, most: int = MOST_COUNTED, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._most, self._wall_clock = store, most, wall_clock

    def newest(self) -> StoredDecision | None:
        """The newest decision. Raises NoStore, StoreUnavailable."""
        return next(iter(self._stored.page(DecisionFilter(), limit=1)), None)

    def today(self) -> Today:
        """Today's decisions by outcome. Raises NoStore, StoreUnavailable."""
        since = int(self._wall_clock() * 1000) // DAY_MS * DAY_MS
        wanted = [DecisionFilter(since=since, outcome=each) for each in OUTCOMES]
        counted = [
            (each, self._stored.count(where, most=self._most)) for each, where in zip(OUTCOMES, wanted, strict=True)
        ]
        return Today(since, [OutcomeCount(outcome, count, count >= self._most) for outcome, count in counted])

    @property
    def _stored(self) -> DecisionStore:
        if self._store is None:
            raise NoStore
        return self._store
