"""Work that another thread does while this one goes on."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")

Report = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1."""


class _Abandoned(Exception):
    """Nobody waits for the result any more."""


@contextmanager
def meanwhile(work: Callable[[Report], Result], report: Report) -> Iterator[Callable[[], Result]]:
    """Have `work` done in another thread during the block, which gets a function that waits for the result.

    The function raises what `work` raised. If the block fails, `work` ends when it next reports, which is waited for.

    >>> with meanwhile(lambda report: 6 * 7, print) as result:
    ...     result()
    42
    """
    left = threading.Event()

    def reported(share: float) -> None:
        if left.is_set():
            raise _Abandoned
        report(share)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(work, reported)
        try:
            yield future.result
        except BaseException:
            left.set()
            raise


@contextmanager
def afterwards(work: Callable[[Report], Result], report: Report) -> Iterator[Callable[[], Result]]:
    """As `meanwhile`, but `work` is done by this thread, when its result is asked for."""
    yield cache(lambda: work(report))
