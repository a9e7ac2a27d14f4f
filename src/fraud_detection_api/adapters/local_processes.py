"""Workers: processes of this machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic

from fraud_detection_api.services.workers.pool import ATTEMPTS, Item, Opening, Pool, Result, WorkerLost

# spawn, because a fork would share connections and the locks of threads
_SPAWNING = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class LocalProcesses:
    """So many processes, each of which starts when there is work for it."""

    count: int

    @contextmanager
    def pool(self, opening: Opening[Item, Result]) -> Iterator[Pool[Item, Result]]:
        with ThreadPoolExecutor(self.count) as threads:
            found = _Pool(self.count, opening, threads)
            try:
                yield found
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
                found.end()


class _Pool(Generic[Item, Result]):
    """A thread for each process. In a pool of many, the death of one process would end the work of all."""

    def __init__(self, size: int, opening: Opening[Item, Result], threads: ThreadPoolExecutor) -> None:
        self.size = size
        self._opening, self._threads = opening, threads
        self._own = threading.local()
        self._processes: set[ProcessPoolExecutor] = set()

    def submit(self, item: Item, /) -> "Future[Result]":
        return self._threads.submit(self._worked, item)

    def end(self) -> None:
        """Let each process finish its item, and end it."""
        for process in tuple(self._processes):
            process.shutdown(cancel_futures=True)

    def _worked(self, item: Item) -> Result:
        for _attempt in range(ATTEMPTS):
            process = self._process()
            try:
                return process.submit(_work, item).result()  # type: ignore[no-any-return]
            except BrokenProcessPool:
                self._processes.discard(process)
                process.shutdown()
                del self._own.process
        raise WorkerLost

    def _process(self) -> ProcessPoolExecutor:
        """The process of this thread."""
        process: ProcessPoolExecutor | None = getattr(self._own, "process", None)
        if process is None:
            process = ProcessPoolExecutor(1, _SPAWNING, _begin, (self._opening,))
            self._own.process = process
            self._processes.add(process)
        return process


_OPENING: list[Opening[Any, Any]] = []
_OPENED: list[Callable[[Any], Any]] = []
"""What this process opens with its first item, so that an error of opening is that item's."""


def _begin(opening: Opening[Any, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _OPENING[:] = [opening]


def _end_with_parent() -> None:
    """End this process when its parent is killed, which would leave it waiting for work for ever."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _work(item: Any) -> Any:
    if not _OPENED:
        _OPENED.append(_OPENING[0]())
    return _OPENED[0](item)
