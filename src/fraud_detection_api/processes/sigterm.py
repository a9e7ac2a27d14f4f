"""SIGTERM as an orderly way out: of a command that writes a file, and of the server."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def leaves_on_sigterm() -> Iterator[None]:
    """While the block runs in the main thread, SIGTERM raises SystemExit(143), so that half-written files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def tidied(tidy: Callable[[], None]) -> Iterator[None]:
    """Call `tidy` when the block ends, and also when SIGTERM ends the process within it.

    uvicorn stops the server on SIGTERM and then raises the signal again to end the process: no `finally` runs after that.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        tidy()
        signal.signal(number, before)
        signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        tidy()


def _leave(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the tidying
    raise SystemExit(128 + number)
