"""Replay of a range of time by several processes, which divide it as they go."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from fraud_detection_api.decision.identifiers import milliseconds_of
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.history.replay import SOUND, Replayer, ReplayResult, Status
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.services.workers.pool import Pool, Workers, results

PAGE = 10_000
"""Decisions that are read and replayed together."""

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


class _Window(NamedTuple):
    """Decisions from `since` to before `until`, in milliseconds since 1970, that follow the id `after`."""

    since: int
    until: int
    after: str | None = None

    def halves(self) -> "list[_Window]":
        """Two parts, or itself if it is a single millisecond."""
        middle = (self.since + self.until) // 2
        if middle == self.since:
            return [self]
        return [_Window(self.since, middle, self.after), _Window(middle, self.until)]


_Part = tuple[Summary, _Window | None]
"""The results of a page, and the rest of its range."""


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
    store, replayer = opening()
    oldest, newest = store.following(where, limit=1), store.page(where, limit=1)
    if not oldest:
        return Summary()
    whole = _Window(milliseconds_of(oldest[0].decision_id), milliseconds_of(newest[0].decision_id) + 1)
    # a range of one page is not worth another process
    summary, rest = _Pages(store, replayer.run())(whole)
    if rest is not None:
        with workers.pool(_Replaying(opening)) as pool:
            summary.add(_divided(pool, rest, partial(_report, on_progress, whole, summary.decisions)))
    return summary


def _report(on_progress: OnProgress, whole: _Window, before: int, left: Collection[_Window], decisions: int) -> None:
    milliseconds = sum(window.until - window.since for window in left)
    on_progress(1 - milliseconds / (whole.until - whole.since), before + decisions)


def _divided(pool: Pool[_Window, _Part], whole: _Window, report: Callable[[Collection[_Window], int], None]) -> Summary:
    """Give a page at a time to the next free process, and halve windows when there are fewer of them than processes."""
    summary, waiting = Summary(), [whole]
    left = _spread(waiting, {whole}, 2 * pool.size)
    for window, future in results(pool, waiting):
        part, rest = future.result()
        summary.add(part)
        left.remove(window)
        if rest is not None:
            waiting.append(rest)
            left.add(rest)
        left = _spread(waiting, left, 2 * pool.size)
        report(left, summary.decisions)
    return summary


def _spread(waiting: list[_Window], left: set[_Window], wanted: int) -> set[_Window]:
    """Halve windows of `waiting` until so many are `left`, waiting or at work, or none can be halved. Returns those left."""
    while len(left) < wanted and (split := _split(waiting)) is not None:
        left = (left - {*waiting}) | {*split}
        waiting[:] = split
    return left


def _split(windows: list[_Window]) -> list[_Window] | None:
    """The windows with the longest one halved; None if none can be halved."""
    longest = max(windows, key=lambda window: window.until - window.since, default=None)
    if longest is None or len(halves := longest.halves()) == 1:
        return None
    return [*(window for window in windows if window is not longest), *halves]


@dataclass(frozen=True, slots=True)
class _Replaying:
    """Opens a store and a registry in another process."""

    opening: Opening

    def __call__(self) -> "_Pages":
        store, replayer = self.opening()
        return _Pages(store, replayer.run())


@dataclass(frozen=True, slots=True)
class _Pages:
    """Replays the first page of a window."""

    store: DecisionStore
    run: Run

    def __call__(self, window: _Window) -> _Part:
        where = DecisionFilter(window.since, window.until)
        rows = self.store.following(where, limit=PAGE, after=window.after)
        summary = Summary.of(self.run.replay(rows))
        if len(rows) < PAGE:
            return summary, None
        last = rows[-1].decision_id
        return summary, _Window(milliseconds_of(last), window.until, last)
