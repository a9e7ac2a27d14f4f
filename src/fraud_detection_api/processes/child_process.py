"""Processes that `fraud serve` starts beside the workers: each is started again if it dies, and ends with the server."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from fraud_detection_api.telemetry import log_event

_LONGEST_END_SECONDS = 5.0
_CUT_OFF_SECONDS = 0.5


@contextmanager
def child_process(
    name: str,
    module: str,
    arguments: Sequence[str] = (),
    *,
    pause_seconds: float,
    cut_off: bool = False,
    afterwards: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Run `python -m MODULE` while the block does; `afterwards` is called once it has ended.

    It is to end when its standard input does; where it may be `cut_off`, it gets little time for that. One that died is
    started again after the pause, and `NAME_ended` is logged.
    """
    supervisor = _Supervisor(name, [sys.executable, "-m", module, *arguments], pause_seconds)

    def close() -> None:
        supervisor.close(cut_off=cut_off)
        afterwards()

    def end(number: int, _frame: object) -> None:
        """The server has stopped, and uvicorn sends the signal that stopped it once more, to end the process."""
        close()
        signal.signal(number, before)
        signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        close()


class _Supervisor:
    """Runs the command, and again whenever it ends, until it is closed."""

    def __init__(self, name: str, command: Sequence[str], pause_seconds: float) -> None:
        self._name, self._command, self._pause_seconds = name, command, pause_seconds
        self._closing, self._starting = threading.Event(), threading.Lock()
        self._process = self._started()
        self._watcher = threading.Thread(target=self._watch, name=f"{name}-supervisor", daemon=True)
        self._watcher.start()

    def close(self, *, cut_off: bool) -> None:
        """Let it end, which it does in its own time, and do not wait for ever."""
        with self._starting:
            self._closing.set()
        assert self._process.stdin is not None
        self._process.stdin.close()
        if cut_off:
            self._watcher.join(_CUT_OFF_SECONDS)
            self._process.kill()
        self._watcher.join(_LONGEST_END_SECONDS)

    def _watch(self) -> None:
        while True:
            status = self._process.wait()
            if not self._closing.is_set():
                log_event(f"{self._name}_ended", level=logging.ERROR, status=status)
                self._closing.wait(self._pause_seconds)
            with self._starting:
                if self._closing.is_set():
                    return
                self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        # its standard input ends when this process does, however that comes about
        return subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 this very package
