"""The port to processes that share work: this one, others of this machine, or those of a cluster.

A function is opened once in each process, and called with one item after the other. It and the items are pickled on their
way there. Results do not depend on who computes them.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from fraud_detection_api.errors import FraudError

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)

Opening: TypeAlias = Callable[[], Callable[[Item], Result]]
"""Opens in a process what the work needs, and gives the function for each item. A module's function, or an object."""

ATTEMPTS = 3
"""How often an item is tried whose process dies, which may have been the fault of another one."""


class WorkerLost(FraudError):
    """The process that worked on an item died, each time that it was tried."""

    def __init__(self) -> None:
        super().__init__(
            f"the process that worked on it died {ATTEMPTS} times, perhaps for want of memory; use fewer processes for each "
            "machine (--jobs), or machines with more memory"
        )


class Pool(Protocol[Item_contra, Result]):
    """Open processes. A future's error is that of the function, unchanged, or WorkerLost."""

    @property
    def size(self) -> int:
        """How many items are worked on at the same time."""

    def submit(self, item: Item_contra, /) -> "Future[Result]":
        """Have the next free process work on an item."""


class Workers(Protocol):
    """Where processes come from."""

    def pool(self, opening: Opening[Item, Result]) -> AbstractContextManager[Pool[Item, Result]]:
        """Processes for the time of the block. At its end, what was not begun is not done any more."""


def results(pool: Pool[Item, Result], waiting: list[Item]) -> "Iterator[tuple[Item, Future[Result]]]":
    """Have all items of `waiting` worked on, the last one first, and give each with its future when that is done.

    Of those that are done, the one that was submitted first comes first. What is added to `waiting` between two results is
    worked on, too. Not all items are submitted at once, so that there may be millions.
    """
    working: dict[Future[Result], Item] = {}
    while waiting or working:
        while waiting and len(working) < 2 * pool.size:
            item = waiting.pop()
            working[pool.submit(item)] = item
        done = wait(working, return_when=FIRST_COMPLETED).done
        for future in [each for each in working if each in done]:
            yield working.pop(future), future


class ThisProcess:
    """Workers without other processes: an item is worked on when it is submitted."""

    @contextmanager
    def pool(self, opening: Opening[Item, Result]) -> Iterator[Pool[Item, Result]]:
        yield _PoolHere(opening())


class _PoolHere(Generic[Item, Result]):
    size = 1

    def __init__(self, work: Callable[[Item], Result]) -> None:
        self._work = work

    def submit(self, item: Item, /) -> "Future[Result]":
        future: Future[Result] = Future()
        try:
            future.set_result(self._work(item))
        except FraudError as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True, slots=True)
class Threads:
    """So many threads of this process, for work that leaves Python to the others. Each thread opens for itself."""

    count: int

    @contextmanager
    def pool(self, opening: Opening[Item, Result]) -> Iterator[Pool[Item, Result]]:
        with ThreadPoolExecutor(self.count) as threads:
            try:
                yield _PoolOfThreads(self.count, opening, threads)
            finally:
                threads.shutdown(cancel_futures=True)


class _PoolOfThreads(Generic[Item, Result]):
    def __init__(self, size: int, opening: Opening[Item, Result], threads: ThreadPoolExecutor) -> None:
        self.size = size
        self._opening, self._threads, self._own = opening, threads, threading.local()

    def submit(self, item: Item, /) -> "Future[Result]":
        return self._threads.submit(self._worked, item)

    def _worked(self, item: Item) -> Result:
        if not hasattr(self._own, "work"):
            self._own.work = self._opening()
        return self._own.work(item)  # type: ignore[no-any-return]
