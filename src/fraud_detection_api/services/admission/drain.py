"""A server that is about to end reports it, and answers requests until its callers have noticed."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fraud_detection_api.errors import Draining
from fraud_detection_api.telemetry import log_event


class Drain:
    """Whether this process is about to end. `begun` is read with every answer, so it is a plain attribute."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        """Mark the process as about to end."""
        self.begun = True
        log_event("draining")

    def require_none(self) -> None:
        """Raise Draining where the process is about to end."""
        if self.begun:
            raise Draining

    @contextmanager
    def on_sigterm(self, linger_seconds: float) -> Iterator[None]:
        """While the block runs, SIGTERM begins the drain, and reaches the previous handler `linger_seconds` later.

        A second SIGTERM changes nothing: a supervisor repeats the signal that its whole group received. Does nothing outside
        the main thread, because other threads receive no signals.
        """
        if linger_seconds == 0 or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        server = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            if callable(server):
                server(number, frame)

        def linger(number: int, frame: FrameType | None) -> None:
            if not self.begun:
                self.begin()
                loop.call_soon_threadsafe(loop.call_later, linger_seconds, end, number, frame)

        if not callable(server):  # nobody would end the process later
            yield
            return
        signal.signal(signal.SIGTERM, linger)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, server)
