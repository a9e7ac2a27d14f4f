"""Replay of stored decisions: of some, or of a range of time."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.history.pages import PAGE, over_pages
from fraud_detection_api.services.history.replay import SOUND, Replayer, ReplayResult, Status
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.services.workers.pool import Workers

MOST_LISTED = 1_000
"""At most so many unsound decisions are listed; all are counted."""


class Run(Protocol):
    """Gives a result for each row."""

    def replay(self, rows: Sequence[StoredDecision]) -> list[ReplayResult]: ...


class Runs(Protocol):
    """A Replayer, or a SealCheck."""

    def run(self) -> Run: ...


Opening: TypeAlias = Callable[[], tuple[DecisionStore, Runs]]
"""Opens a store and a registry in a process of the pool; pickling sends it there, so it must be importable."""


@dataclass
class Summary:
    """The results of a replay: how many decisions have each status, and the first unsound ones."""

    counts: Counter[Status] = field(default_factory=Counter)
    unsound: list[ReplayResult] = field(default_factory=list)

    def add(self, other: "Summary") -> None:
        self.counts += other.counts
        self.unsound = (self.unsound + other.unsound)[:MOST_LISTED]

    @property
    def decisions(self) -> int:
        return self.counts.total()

    @property
    def unsound_count(self) -> int:
        """How many decisions are unsound, listed or not."""
        return sum(count for status, count in self.counts.items() if status not in SOUND)

    @property
    def is_sound(self) -> bool:
        """Whether every decision is equal, or has nothing to compare."""
        return self.unsound_count == 0

    @classmethod
    def of(cls, replayed: Sequence[ReplayResult]) -> "Summary":
        unsound = [result for result in replayed if result.status not in SOUND]
        return cls(Counter(result.status for result in replayed), unsound[:MOST_LISTED])


OnProgress: TypeAlias = Callable[[float, int], None]
"""Called with the share of the range that is done, 0 to 1, and the number of decisions."""


def replay_ids(store: DecisionStore, replayer: Replayer, ids: Sequence[str], on_progress: OnProgress) -> Summary:
    """Replay the decisions with these ids. Raises UnknownDecision, StoreUnavailable, RegistryUnavailable."""
    summary, run = Summary(), replayer.run()
    for first in range(0, len(ids), PAGE):
        rows = [store.find(decision_id) for decision_id in ids[first : first + PAGE]]
        summary.add(Summary.of(run.replay(rows)))
        on_progress((first + len(rows)) / len(ids), summary.decisions)
    return summary


def replay_range(opening: Opening, where: DecisionFilter, *, workers: Workers, on_progress: OnProgress) -> Summary:
    """Replay the decisions of a range that exist now. Raises StoreUnavailable, RegistryUnavailable, WorkerLost."""
    summary = Summary()
    over_pages(
        _Replaying(opening),
        where,
        workers=workers,
        add=summary.add,
        report=lambda share: on_progress(share, summary.decisions),
    )
    return summary


@dataclass(frozen=True, slots=True)
class _Replaying:
    """Opens a store and a registry."""

    opening: Opening

    def __call__(self) -> "tuple[DecisionStore, Callable[[Sequence[StoredDecision]], Summary]]":
        store, replayer = self.opening()
        run = replayer.run()
        return store, lambda rows: Summary.of(run.replay(rows))
