"""Workers: the processes of a Ray cluster. Needs the extra `ray`."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic
from uuid import uuid4

from fraud_detection_api.errors import FraudError, MissingExtra
from fraud_detection_api.services.workers.pool import ATTEMPTS, Item, Opening, Pool, Result, WorkerLost

CONNECT_SECONDS = 10.0
COUNT_SECONDS = 1.0
"""How old the number of the cluster's processors may be, which is asked for with each item."""


class ClusterUnavailable(FraudError):
    """There is no Ray cluster at the address, or none that this version of Ray can talk to."""


@dataclass(frozen=True, slots=True)
class RayCluster:
    """The cluster at `address` (`host:port`, or `auto` for that of this machine), else a local one with `cores`.

    Each item is a task of `cpus` processors. Ray starts it again where its process or its machine is lost. The connection
    is that of the process, and ends with it.
    """

    address: str | None = None
    cores: int | None = None
    cpus: float = 1.0

    @contextmanager
    def pool(self, opening: Opening[Item, Result]) -> Iterator[Pool[Item, Result]]:
        ray = self._connected()
        found = _Pool[Item, Result](ray, opening, cpus=self.cpus)
        try:
            # Ray prints the deaths of processes to stdout, which is for results
            with redirect_stdout(sys.stderr):
                yield found
        finally:
            found.end()

    def _connected(self) -> Any:
        try:
            import ray  # noqa: PLC0415 the extra
        except ModuleNotFoundError:
            raise MissingExtra("ray", "--engine ray") from None
        if ray.is_initialized():
            return ray
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will do, and warns until then
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        alone = {"address": "local", "num_cpus": self.cores, "include_dashboard": False}
        options |= {"address": self.address} if self.address else alone
        try:
            _require_listener(self.address)
            with _own_sigterm():
                ray.init(**options)
        except Exception as error:  # a node that does not start is a bare one
            if self.address is None:
                raise ClusterUnavailable(
                    "Ray did not start on this machine, perhaps because it is busy: Ray waits 15 s for its processes; try "
                    "again, or leave out --engine ray"
                ) from error
            raise ClusterUnavailable(
                f"no Ray cluster answers at {self.address} ({type(error).__name__}); start one (`ray start --head`), and "
                "use the version of Ray that it runs"
            ) from error
        return ray


def _require_listener(address: str | None) -> None:
    """Raise OSError where nobody listens at `host:port`: Ray would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():
        with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS):
            pass


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's handling of SIGTERM, which `ray.init` replaces in the main thread."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


class _Pool(Generic[Item, Result]):
    def __init__(self, ray: Any, opening: Opening[Item, Result], *, cpus: float) -> None:
        self._ray, self._cpus = ray, cpus
        self._counted, self._size = -COUNT_SECONDS, 1
        self._key = uuid4().hex
        self._opening = ray.put(opening)
        self._task = ray.remote(num_cpus=cpus, max_retries=ATTEMPTS - 1)(_work)
        self._running: dict[Future[Result], Any] = {}

    @property
    def size(self) -> int:
        """The processors of the cluster as it is, because machines join it and leave."""
        if (now := monotonic()) - self._counted >= COUNT_SECONDS:
            self._counted, self._size = now, max(1, int(self._ray.cluster_resources().get("CPU", 0) / self._cpus))
        return self._size

    def submit(self, item: Item, /) -> "Future[Result]":
        future: Future[Result] = Future()
        self._running[future] = task = self._task.remote(self._key, self._opening, item)
        task.future().add_done_callback(lambda done: self._finish(future, done))
        return future

    def end(self) -> None:
        """Leave undone what was not begun."""
        for task in tuple(self._running.values()):
            self._ray.cancel(task)

    def _finish(self, future: "Future[Result]", done: "Future[Any]") -> None:
        """Give the result, or the error as it was raised."""
        self._running.pop(future, None)
        error = done.exception()
        if error is None:
            result, refused = done.result()
            future.set_result(result) if refused is None else future.set_exception(refused)
        elif isinstance(error, self._ray.exceptions.RayTaskError):
            future.set_exception(error)
        else:  # a process, a node or an object was lost
            future.set_exception(WorkerLost())


_OPENED: dict[str, Callable[[Any], Any]] = {}
"""What this process of the cluster has opened."""


def _work(key: str, opening: Opening[Any, Any], item: Any) -> tuple[Any, FraudError | None]:
    """The result, or an expected error: Ray would wrap it."""
    try:
        if key not in _OPENED:
            _OPENED.clear()
            _OPENED[key] = opening()
        return _OPENED[key](item), None
    except FraudError as error:
        return None, error
