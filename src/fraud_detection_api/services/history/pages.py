"""A range of stored decisions, a page at a time, by several processes, which divide it as they go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias

from fraud_detection_api.decision.identifiers import milliseconds_of
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.services.workers.pool import Pool, Result, Workers, results

PAGE = 10_000
"""Decisions that are read and worked on together."""

Work: TypeAlias = Callable[[Sequence[StoredDecision]], Result]
"""What is found out of the decisions of a page, in the order of their ids."""

Opening: TypeAlias = Callable[[], tuple[DecisionStore, Work[Result]]]
"""Opens a store and what works on its decisions in a process; pickling sends it there, so it must be importable."""


class Window(NamedTuple):
    """Decisions from `since` to before `until`, in milliseconds since 1970, that follow the id `after`."""

    since: int
    until: int
    after: str | None = None

    def halves(self) -> "list[Window]":
        """Two parts, or itself if it is a single millisecond."""
        middle = (self.since + self.until) // 2
        if middle == self.since:
            return [self]
        return [Window(self.since, middle, self.after), Window(middle, self.until)]


def over_pages(
    opening: Opening[Result],
    where: DecisionFilter,
    *,
    workers: Workers,
    add: Callable[[Result], None],
    report: Callable[[float], None],
) -> None:
    """Work on the decisions of a range that exist now: `add` gets what is found, in any order.

    `report` is called after each page with the share of the range that is done, 0 to 1. Raises StoreUnavailable,
    WorkerLost, and what `opening` raises.
    """
    store, work = opening()
    oldest, newest = store.following(where, limit=1), store.page(where, limit=1)
    if not oldest:
        return
    whole = Window(milliseconds_of(oldest[0].decision_id), milliseconds_of(newest[0].decision_id) + 1)

    def done(left: set[Window]) -> None:
        milliseconds = sum(window.until - window.since for window in left)
        report(1 - milliseconds / (whole.until - whole.since))

    # a range of one page is not worth another process
    found, rest = _Pages(store, work)(whole)
    add(found)
    done(set() if rest is None else {rest})
    if rest is not None:
        with workers.pool(_Opened(opening)) as pool:
            _divide(pool, rest, add, done)


def _divide(
    pool: "Pool[Window, tuple[Result, Window | None]]",
    whole: Window,
    add: Callable[[Result], None],
    done: Callable[[set[Window]], None],
) -> None:
    """Give a page at a time to the next free process, and halve windows when there are fewer of them than processes."""
    waiting = [whole]
    left = _spread(waiting, {whole}, 2 * pool.size)
    for window, future in results(pool, waiting):
        found, rest = future.result()
        add(found)
        left.remove(window)
        if rest is not None:
            waiting.append(rest)
            left.add(rest)
        left = _spread(waiting, left, 2 * pool.size)
        done(left)


def _spread(waiting: list[Window], left: set[Window], wanted: int) -> set[Window]:
    """Halve windows of `waiting` until so many are `left`, waiting or at work, or none can be halved. Returns those left."""
    while len(left) < wanted and (split := _split(waiting)) is not None:
        left = (left - {*waiting}) | {*split}
        waiting[:] = split
    return left


def _split(windows: list[Window]) -> list[Window] | None:
    """The windows with the longest one halved; None if none can be halved."""
    longest = max(windows, key=lambda window: window.until - window.since, default=None)
    if longest is None or len(halves := longest.halves()) == 1:
        return None
    return [*(window for window in windows if window is not longest), *halves]


@dataclass(frozen=True, slots=True)
class _Opened(Generic[Result]):
    """Opens in another process."""

    opening: Opening[Result]

    def __call__(self) -> "_Pages[Result]":
        return _Pages(*self.opening())


@dataclass(frozen=True, slots=True)
class _Pages(Generic[Result]):
    """Works on the first page of a window, and gives what is found and the rest of the window."""

    store: DecisionStore
    work: Work[Result]

    def __call__(self, window: Window) -> tuple[Result, Window | None]:
        where = DecisionFilter(window.since, window.until)
        rows = self.store.following(where, limit=PAGE, after=window.after)
        found = self.work(rows)
        if len(rows) < PAGE:
            return found, None
        last = rows[-1].decision_id
        return found, Window(milliseconds_of(last), window.until, last)
