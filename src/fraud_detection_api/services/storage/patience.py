"""Operations of a store or a registry in threads of their own, so that nobody waits for one that hangs."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from fraud_detection_api.errors import FraudError, StoreUnavailable
from fraud_detection_api.services.storage.recovery import hangs

Returned = TypeVar("Returned")
Target = TypeVar("Target")
Parameters = ParamSpec("Parameters")

MOST_THREADS = 16

_IDLE_SECONDS = 10.0


class _Operation(NamedTuple):
    work: Callable[[], Any]
    result: "Future[Any]"


class PatientThreads:
    """Runs operations, at most `threads` at a time, and lets callers wait for at most `timeout_seconds`.

    Once a caller waited that long, and no operation succeeded meanwhile, callers get the error `hangs_for` at once, but for
    one at a time, until an operation succeeds. A thread that hangs ends when it can: the process does not wait for it.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float,
        threads: int = MOST_THREADS,
        hangs_for: Callable[[float], FraudError] = lambda seconds: StoreUnavailable(hangs(seconds)),
    ) -> None:
        self.timeout_seconds, self._most, self._hangs_for = timeout_seconds, threads, hangs_for
        self._changed = threading.Condition()
        self._queue: deque[_Operation] = deque()
        self._running: dict[threading.Thread, float] = {}
        self._threads = self._idle = 0
        self._hangs, self._succeeded_at = False, 0.0

    def run(self, work: Callable[Parameters, Returned], *args: Parameters.args, **named: Parameters.kwargs) -> Returned:
        """What `work` returns or raises. Raises the error `hangs_for` if it does not do so in time."""
        asked_at = time.monotonic()
        result: Future[Returned] = self._submit(partial(work, *args, **named))
        try:
            return result.result(self.timeout_seconds)
        except TimeoutError:
            if not result.cancel() and result.done():
                return result.result()
            raise self._hanging(asked_at) from None

    async def result(self, work: Callable[[], Returned], *, seconds: float) -> Returned:
        """The same for an event loop, and within `seconds`, too."""
        asked_at = time.monotonic()
        result = asyncio.wrap_future(self._submit(work))
        done, _ = await asyncio.wait([result], timeout=min(seconds, self.timeout_seconds))
        if done:
            return result.result()
        result.cancel()
        raise self._hanging(asked_at) if seconds >= self.timeout_seconds else self._hangs_for(seconds)

    def _submit(self, work: Callable[[], Returned]) -> "Future[Returned]":
        operation = _Operation(work, Future())
        with self._changed:
            if self._hangs and (self._queue or self._tries() or len(self._running) >= self._most):
                raise self._hangs_for(self.timeout_seconds)
            self._queue.append(operation)
            if len(self._queue) > self._idle and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._serve, name="store-operations", daemon=True).start()
            self._changed.notify()
        return operation.result

    def _tries(self) -> bool:
        """Whether an operation runs that may yet end in time."""
        since = time.monotonic() - self.timeout_seconds
        return any(began > since for began in self._running.values())

    def _hanging(self, asked_at: float) -> FraudError:
        """The error of a caller who asked then. If others were answered meanwhile, it waited in the queue, or for much."""
        if self._succeeded_at < asked_at:
            self._hangs = True
        return self._hangs_for(self.timeout_seconds)

    def _serve(self) -> None:
        me = threading.current_thread()
        while True:
            with self._changed:
                self._idle += 1
                found = self._changed.wait_for(lambda: self._queue, _IDLE_SECONDS)
                self._idle -= 1
                if not found:
                    self._threads -= 1
                    return
                work, result = self._queue.popleft()
                self._running[me] = time.monotonic()
            if result.set_running_or_notify_cancel():
                self._do(work, result)
            with self._changed:
                del self._running[me]

    def _do(self, work: Callable[[], Any], result: "Future[Any]") -> None:
        began = time.monotonic()
        try:
            returned = work()
        except BaseException as error:  # noqa: BLE001 the caller raises it
            if time.monotonic() - began >= self.timeout_seconds:
                self._hangs = True
            result.set_exception(error)
        else:
            self._hangs, self._succeeded_at = False, time.monotonic()
            result.set_result(returned)


def patient(target: Target, threads: PatientThreads) -> Target:
    """Stands for `target`: its methods run in `threads`. None stays None."""
    return target if target is None else cast("Target", _Patient(target, threads))


class _Patient:
    def __init__(self, target: object, threads: PatientThreads) -> None:
        self._target, self._threads = target, threads

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        return partial(self._threads.run, member) if callable(member) else member
