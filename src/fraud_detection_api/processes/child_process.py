"""Processes beside the workers: they are restarted if they die, and end with the server."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fraud_detection_api.metrics.sharing import SharedMetrics, single
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.processes.sigterm import tidied
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging, log_event

_LONGEST_END_SECONDS = 5.0
_CUT_OFF_SECONDS = 0.5


@contextmanager
def child_process(
    name: str, module: str, arguments: Sequence[str] = (), *, pause_seconds: float, cut_off: bool = False
) -> Iterator[None]:
    """Run `python -m MODULE` while the block runs.

    The process must end when its standard input does; with `cut_off` it gets little time for that. A process that dies is
    restarted after the pause, and `NAME_ended` is logged.
    """
    supervisor = _Supervisor(name, [sys.executable, "-m", module, *arguments], pause_seconds)
    with tidied(lambda: supervisor.close(cut_off=cut_off)):
        yield


@contextmanager
def begun(name: str) -> Iterator[tuple[Settings, Tallies]]:
    """Within such a process: its settings, and its metrics, which are shared under this name while the block runs."""
    # a signal to the whole process group is meant for the workers; this process ends with its standard input
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    settings = Settings.from_environment(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    metrics = SharedMetrics(Tallies(), settings.metrics_folder)
    metrics.start(single(name))
    try:
        yield settings, metrics.tallies
    finally:
        metrics.close()


class _Supervisor:
    """Runs the command until it is closed, and restarts it whenever it ends."""

    def __init__(self, name: str, command: Sequence[str], pause_seconds: float) -> None:
        self._name, self._command, self._pause_seconds = name, command, pause_seconds
        self._closing, self._starting = threading.Event(), threading.Lock()
        self._process = self._started()
        self._watcher = threading.Thread(target=self._watch, name=f"{name}-supervisor", daemon=True)
        self._watcher.start()

    def close(self, *, cut_off: bool) -> None:
        """Let the process end by itself, and wait for a limited time."""
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
        # its standard input ends when this process ends, whatever the cause
        return subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 this very package
