"""Measures what takes longer than a page may, a little at a time, and remembers what was found."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.services.admission.shares import RETRY_AFTER_SECONDS

T = TypeVar("T")

MOST_KEPT, MOST_WAITING, AT_ONCE = 32, 8, 2

QUICKLY, PATIENTLY = 1.0, 3.0
"""Seconds that a page waits for what was never measured, and that it waits after somebody asked to."""


def wait_of(*, patiently: bool) -> float:
    """How long a page waits, in seconds; `patiently` after somebody asked to."""
    return PATIENTLY if patiently else QUICKLY


class Measured(NamedTuple, Generic[T]):
    """`value` is None while nothing was measured yet; `age_seconds` says how old it is."""

    value: T | None
    age_seconds: float = 0.0


class _Entry:
    def __init__(self) -> None:
        self.value: Any = None
        self.error: Exception | None = None
        self.at: float | None = None
        self.running: threading.Event | None = None
        self.began = 0.0


class Measurements:
    """Remembers values by their keys. AT_ONCE are measured at a time, in threads that no request waits for long.

    A value that is no longer fresh is shown once more while it is measured again. Any thread may ask.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._changing, self._measuring = threading.Lock(), threading.Semaphore(AT_ONCE)

    def get(
        self, key: Hashable, measure: Callable[[], T], *, fresh_seconds: float, wait_seconds: float = QUICKLY
    ) -> Measured[T]:
        """The value, measured within `fresh_seconds` if it can be waited for. Raises Overloaded, and as `measure`."""
        with self._changing:
            entry = self._entry(key)
            stale = entry.at is None or self._clock() - entry.at >= fresh_seconds
            if stale and entry.running is None:
                self._start(entry, measure)
            running = entry.running
        if running is not None and entry.at is None:
            # whoever did not ask to wait does so for what has just begun, and not page after page
            began = entry.began if wait_seconds <= QUICKLY else self._clock()
            running.wait(max(0.0, began + wait_seconds - self._clock()))
        with self._changing:
            return self._shown(entry)

    def forget(self) -> None:
        """Forget all, as after a change of what is measured."""
        with self._changing:
            self._entries.clear()

    def _entry(self, key: Hashable) -> _Entry:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        for other in list(self._entries)[: max(len(self._entries) - MOST_KEPT, 0)]:
            if self._entries[other].running is None:
                del self._entries[other]
        return entry

    def _start(self, entry: _Entry, measure: Callable[[], object]) -> None:
        if sum(each.running is not None for each in self._entries.values()) >= MOST_WAITING:
            raise Overloaded(RETRY_AFTER_SECONDS)
        entry.running, entry.began = threading.Event(), self._clock()
        threading.Thread(target=self._measure, args=(entry, measure), name="measurements", daemon=True).start()

    def _measure(self, entry: _Entry, measure: Callable[[], object]) -> None:
        value: object = None
        error: Exception | None = None
        try:
            with self._measuring:
                value = measure()
        except Exception as failed:  # noqa: BLE001 whoever asks next raises it
            error = failed
        finally:
            with self._changing:
                entry.value, entry.error, entry.at = value, error, self._clock()
                done, entry.running = entry.running, None
            assert done is not None
            done.set()

    def _shown(self, entry: _Entry) -> Measured[Any]:
        if entry.at is None:
            return Measured(None)
        if entry.error is not None:
            error, entry.at = entry.error, None  # the next page tries again
            raise error
        return Measured(entry.value, self._clock() - entry.at)
