"""One picture of several processes: each writes its tallies to the file of its slot, and any one reads them all.

A slot is a name that one process holds at a time, by a lock that ends with it. Who takes a slot over goes on from what is in
its file, so that no sum ever falls, and neither files nor series become more when processes are started again.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from fraud_detection_api.metrics.catalogue import METRIC_NAMED, METRICS, Metric
from fraud_detection_api.metrics.tallies import Snapshot, Tallies, measure_process
from fraud_detection_api.telemetry import log_event

WRITE_SECONDS = 1.0
"""Seconds between writes of a process's file."""

GONE_SECONDS = 10.0
"""Seconds after its last write from which a process's gauges are not shown: it ended, or it hangs."""

_SUFFIX, _LOCK = ".json", ".lock"


class Family(NamedTuple):
    """A metric and its series: values of `metric.shown_labels`, and the value as in a snapshot (a gauge's alone)."""

    metric: Metric
    series: list[tuple[tuple[str, ...], Any]]


class SharedMetrics:
    """The tallies of this process and, where there is a `folder`, those of all that share it."""

    def __init__(self, tallies: Tallies, folder: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.tallies = tallies
        self._folder, self._clock = folder, clock
        self._process = "worker-0"
        self._slots: Iterator[str] = iter(())  # after this one
        self._lock: int | None = None
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None
        self._problem = ""

    def start(self, names: Iterator[str]) -> str:
        """Take the first of these slots that is free, and write its file from now on, in a thread; returns its name.

        What the process takes of its machine is measured from now on, too. While the folder cannot be used, the process's
        own tallies are all there is.
        """
        measure_process(self.tallies)
        self._process = next(names)
        if self._folder is None:
            return self._process
        self._slots = names
        self._write()
        self._closing.clear()
        self._writer = threading.Thread(target=self._keep_writing, name="metrics-writer", daemon=True)
        self._writer.start()
        return self._process

    def close(self) -> None:
        """Write a last time, and give the slot back."""
        if self._writer is None:
            return
        self._closing.set()
        self._writer.join()
        self._writer = None
        self._write()
        self._give_back()

    def families(self) -> list[Family]:
        """Every metric with a value, over all processes; this one's as they are now, others' of a second ago at most."""
        if self._writer is None or self._folder is None:
            with self._writing:
                return merged([self.tallies.snapshot(self._process)], self._clock())
        own = self._write()
        others = [path for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if path != self._file]
        return merged([own, *filter(None, map(_read, others))], self._clock())

    def _keep_writing(self) -> None:
        while not self._closing.wait(WRITE_SECONDS):
            self._write()

    def _write(self) -> Snapshot:
        """Write the file, whole. A folder that cannot be written to stops nothing; one that went is made anew."""
        with self._writing:
            try:
                self._hold_slot()
                snapshot = self.tallies.snapshot(self._process)
                # not synced: the folder is emptied when the server is started, so it has not to outlive the machine
                fresh = self._file.with_suffix(".new")
                fresh.write_bytes(to_json(snapshot, inf_nan_mode="constants"))
                fresh.replace(self._file)
                os.utime(self._lock_file)  # or it would be taken for an old file, which some systems clear away
                problem = ""
            except OSError as error:
                snapshot = self.tallies.snapshot(self._process)
                problem = error.strerror or type(error).__name__
            if problem and problem != self._problem:
                log_event("metrics_not_written", level=logging.ERROR, reason=problem)
            self._problem = problem
            return snapshot

    def _hold_slot(self) -> None:
        """Take a slot where none is held: at first, and where somebody has removed its lock, most likely with the folder.

        Its sums go on, but those of the slot that was held: they are this process's own.
        """
        assert self._folder is not None
        with suppress(FileNotFoundError):
            if self._lock is not None and os.path.samestat(os.fstat(self._lock), self._lock_file.stat()):
                return
        held = self._process if self._lock is not None else None
        self._folder.mkdir(mode=0o700, exist_ok=True)
        process, lock = _claimed(self._folder, chain([self._process], self._slots))
        self._give_back()  # not before another is held: what this process has counted must not be taken for another's
        self._process, self._lock = process, lock
        if self._process != held and (before := _read(self._file)) is not None:
            self.tallies.continue_from(before)

    def _give_back(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    @property
    def _file(self) -> Path:
        assert self._folder is not None
        return self._folder / f"{self._process}{_SUFFIX}"

    @property
    def _lock_file(self) -> Path:
        return self._file.with_suffix(_LOCK)


def numbered(role: str) -> Iterator[str]:
    """Slots of processes that there are several of.

    >>> slots = numbered("worker")
    >>> next(slots), next(slots)
    ('worker-0', 'worker-1')
    """
    return (f"{role}-{number}" for number in count())


def single(role: str) -> Iterator[str]:
    """Slots of a process that there is one of; the next ones are for one that begins before another has ended.

    >>> slots = single("keeper")
    >>> next(slots), next(slots)
    ('keeper', 'keeper-1')
    """
    return chain([role], (f"{role}-{number}" for number in count(1)))


def merged(snapshots: Sequence[Snapshot], now: float) -> list[Family]:
    """The metrics of all processes, in the catalogue's order, series by their labels."""
    found: dict[str, dict[tuple[str, ...], Any]] = {}
    for snapshot in snapshots:
        gone = snapshot.moment < now - GONE_SECONDS
        for name, labels, value in snapshot.series:
            metric = METRIC_NAMED.get(name)
            if metric is None or (gone and metric.kind == "gauge"):
                continue
            shown = (snapshot.process, *labels) if metric.per_process else labels
            series = found.setdefault(name, {})
            series[shown] = value if shown not in series else _together(metric, series[shown], value)
    return [_family(metric, found[metric.name]) for metric in METRICS if metric.name in found]


def _family(metric: Metric, series: dict[tuple[str, ...], Any]) -> Family:
    ordered = sorted(series.items(), key=lambda item: item[0])
    if metric.kind == "gauge":
        return Family(metric, [(labels, value) for labels, (value, _moment) in ordered])
    return Family(metric, ordered)


def _together(metric: Metric, one: Any, other: Any) -> Any:
    if metric.kind == "counter":
        return one + other
    if metric.kind == "gauge":
        return max(one, other, key=lambda reading: reading[1])
    return [a + b for a, b in zip(one[0], other[0], strict=True)], one[1] + other[1]


def _claimed(folder: Path, names: Iterable[str]) -> tuple[str, int]:
    """The first free slot, and its lock, which is held while it is open."""
    for name in names:
        lock = os.open(folder / f"{name}{_LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return name, lock
    raise AssertionError("there is always another slot")


def _read(path: Path) -> Snapshot | None:
    with suppress(OSError, ValueError, TypeError):
        process, moment, series = from_json(path.read_bytes())
        return Snapshot(process, moment, [(name, tuple(labels), value) for name, labels, value in series])
    return None
