"""The process that keeps decisions: `fraud serve` starts it before the workers, again if it dies, and ends it after them."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.telemetry import log_event

ADDRESS = "FRAUD_KEEPER"
_COMMAND = [sys.executable, "-m", "fraud_detection_api.keeper"]
_PAUSE_SECONDS = 0.2
_LONGEST_END_SECONDS = 5.0


@contextmanager
def keeper_process() -> Iterator[None]:
    """Keep one running while the block does; its address is in this process's environment, for the workers."""
    folder = tempfile.mkdtemp(prefix="fraud-keeper-")  # nobody else may enter it
    os.environ[ADDRESS] = str(Path(folder) / "socket")
    supervisor = _Supervisor([*_COMMAND, folder])

    def end(number: int, _frame: object) -> None:
        """The server has stopped, and uvicorn sends the signal that stopped it once more, to end the process."""
        supervisor.close()
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, before)
        signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        supervisor.close()
        signal.signal(signal.SIGTERM, before)
        del os.environ[ADDRESS]
        shutil.rmtree(folder, ignore_errors=True)


class _Supervisor:
    """Runs the command, and again whenever it ends, until it is closed."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._closing = threading.Event()
        self._process = self._started()
        self._watcher = threading.Thread(target=self._watch, name="keeper-supervisor", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Let it end, which it does once the last worker has gone."""
        self._closing.set()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._watcher.join(_LONGEST_END_SECONDS)  # a worker that was not let finish has not gone yet

    def _watch(self) -> None:
        while True:
            status = self._process.wait()
            if self._closing.is_set():
                return
            log_event("keeper_ended", level=logging.ERROR, status=status)
            self._closing.wait(_PAUSE_SECONDS)
            self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        # its standard input ends when this process does, however that comes about
        return subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 this very package
