"""Callers at work in threads, beside the test."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Generic, Protocol, Self, TypeVar


class Calling(Protocol):
    """Somebody who calls until they are told to stop."""

    def call_until(self, stop: Event) -> None: ...


C = TypeVar("C", bound=Calling)


class Load(Generic[C]):
    """Has the callers call while the block runs; none may take longer than `end_seconds` to stop."""

    def __init__(self, callers: Sequence[C], *, end_seconds: float) -> None:
        self.callers, self._end_seconds = callers, end_seconds
        self._stop = Event()
        self._threads = ThreadPoolExecutor(len(callers))
        self._calls: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._calls = [self._threads.submit(caller.call_until, self._stop) for caller in self.callers]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for call in self._calls:
            call.result(self._end_seconds)
        self._threads.shutdown()
