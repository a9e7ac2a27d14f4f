"""A replay of a stretch of time, by several processes that share it out as they go."""

import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from fraud_detection_api.decision.identifiers import milliseconds_of
from fraud_detection_api.services.history.replay import SOUND, Replayer, ReplayRun, Status, Verdict
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

PAGE = 10_000
"""Decisions that are read and replayed together."""

MOST_LISTED = 1_000
"""So many decisions that are not sound are told one by one; the rest are counted."""

Opening: TypeAlias = Callable[[], tuple[DecisionStore, Replayer]]
"""Opens a store and a registry, in whichever process; it is sent there, so it must be importable."""


@dataclass
class Summary:
    """What came of a replay: how many decisions have which status, and the first of those that are not sound."""

    counts: Counter[Status] = field(default_factory=Counter)
    unsound: list[Verdict] = field(default_factory=list)

    def add(self, other: "Summary") -> None:
        self.counts += other.counts
        self.unsound = (self.unsound + other.unsound)[:MOST_LISTED]

    @property
    def decisions(self) -> int:
        return self.counts.total()

    @property
    def faults(self) -> int:
        """How many decisions are not sound, those beyond the first too."""
        return sum(count for status, count in self.counts.items() if status not in SOUND)

    @property
    def is_sound(self) -> bool:
        """Whether every decision is equal, or has nothing to compare."""
        return self.faults == 0

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> "Summary":
        unsound = [verdict for verdict in verdicts if verdict.status not in SOUND]
        return cls(Counter(verdict.status for verdict in verdicts), unsound[:MOST_LISTED])


OnProgress: TypeAlias = Callable[[float, int], None]
"""Told the share of the time that is done, 0 to 1, and how many decisions."""


class _Stretch(NamedTuple):
    """Decisions from `since` to before `until`, milliseconds since 1970, that follow the id `after`."""

    since: int
    until: int
    after: str | None = None

    def halves(self) -> "list[_Stretch]":
        """Two parts, or itself where a millisecond cannot be parted."""
        middle = (self.since + self.until) // 2
        if middle == self.since:
            return [self]
        return [_Stretch(self.since, middle, self.after), _Stretch(middle, self.until)]


_Piece = tuple[Summary, _Stretch | None]
"""What came of a page, and what is left of its stretch."""


def replay_ids(store: DecisionStore, replayer: Replayer, ids: Sequence[str], on_progress: OnProgress) -> Summary:
    """Replay the decisions of these ids. Raises UnknownDecision, StoreUnavailable, RegistryUnavailable."""
    summary, run = Summary(), replayer.run()
    for first in range(0, len(ids), PAGE):
        rows = [store.find(decision_id) for decision_id in ids[first : first + PAGE]]
        summary.add(Summary.of(run.replay(rows)))
        on_progress((first + len(rows)) / len(ids), summary.decisions)
    return summary


def replay_range(opening: Opening, wanted: DecisionFilter, *, jobs: int, on_progress: OnProgress) -> Summary:
    """Replay the decisions of a range that are there when it begins. Raises StoreUnavailable, RegistryUnavailable."""
    store, replayer = opening()
    oldest, newest = store.following(wanted, limit=1), store.page(wanted, limit=1)
    if not oldest:
        return Summary()
    whole = _Stretch(milliseconds_of(oldest[0].decision_id), milliseconds_of(newest[0].decision_id) + 1)
    run = replayer.run()
    summary, rest = _replayed(store, run, whole)
    progress = _Progress(whole, on_progress)
    if jobs > 1 and rest is not None:
        summary.add(_shared_out(opening, rest, jobs, summary.decisions, progress))
        return summary
    while rest is not None:
        progress.tell([rest], summary.decisions)
        piece, rest = _replayed(store, run, rest)
        summary.add(piece)
    return summary


class _Progress:
    def __init__(self, whole: _Stretch, on_progress: OnProgress) -> None:
        self._milliseconds, self._on_progress = whole.until - whole.since, on_progress

    def tell(self, left: Sequence[_Stretch], decisions: int) -> None:
        milliseconds = sum(stretch.until - stretch.since for stretch in left)
        self._on_progress(1 - milliseconds / self._milliseconds, decisions)


def _shared_out(opening: Opening, whole: _Stretch, jobs: int, done: int, progress: _Progress) -> Summary:
    """A page at a time goes to whoever is free. Where fewer stretches than processes are left, stretches are halved."""
    summary, waiting = Summary(), [whole]
    working: dict[Future[_Piece], _Stretch] = {}
    # spawned, for a fork would share connections and the locks of threads
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _open_here, (opening,))
    try:
        while waiting or working:
            while len(waiting) + len(working) < 2 * jobs and (parted := _parted(waiting)) is not None:
                waiting = parted
            while waiting and len(working) < 2 * jobs:
                stretch = waiting.pop()
                working[pool.submit(_replay_here, stretch)] = stretch
            for future in wait(working, return_when=FIRST_COMPLETED).done:
                del working[future]
                piece, rest = future.result()
                summary.add(piece)
                waiting += [] if rest is None else [rest]
            progress.tell([*waiting, *working.values()], done + summary.decisions)
    finally:
        pool.shutdown(cancel_futures=True)
    return summary


def _parted(stretches: list[_Stretch]) -> list[_Stretch] | None:
    """The stretches with the longest in two; None where nothing can be parted."""
    longest = max(stretches, key=lambda stretch: stretch.until - stretch.since, default=None)
    if longest is None or len(halves := longest.halves()) == 1:
        return None
    return [*(stretch for stretch in stretches if stretch is not longest), *halves]


def _replayed(store: DecisionStore, run: ReplayRun, stretch: _Stretch) -> _Piece:
    """The first page of a stretch."""
    wanted = DecisionFilter(stretch.since, stretch.until)
    rows = store.following(wanted, limit=PAGE, after=stretch.after)
    summary = Summary.of(run.replay(rows))
    if len(rows) < PAGE:
        return summary, None
    last = rows[-1].decision_id
    return summary, _Stretch(milliseconds_of(last), stretch.until, last)


_HERE: list[tuple[DecisionStore, ReplayRun]] = []
"""What a process of the pool works with."""


def _open_here(opening: Opening) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits for this one ends it
    store, replayer = opening()
    _HERE[:] = [(store, replayer.run())]


def _replay_here(stretch: _Stretch) -> _Piece:
    store, run = _HERE[0]
    return _replayed(store, run, stretch)
