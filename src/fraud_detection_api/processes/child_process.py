"""Processes beside the workers: they are restarted if they die or hang, and end with the server."""

import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from fraud_detection_api.metrics.sharing import SharedMetrics, single
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.processes.sigterm import tidied
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging, log_event

BEAT_SECONDS = 0.5
"""Seconds between two signs of life of a process."""

_BEATS_TO_START = 240  # importing takes long on a busy machine
_LONGEST_END_SECONDS = 5.0
_CUT_OFF_SECONDS = 0.5


@contextmanager
def child_process(
    name: str,
    module: str,
    arguments: Sequence[str] = (),
    *,
    pause_seconds: float,
    silent_seconds: float,
    cut_off: bool = False,
) -> Iterator[None]:
    """Run `python -m MODULE` while the block runs.

    The process must end when its standard input does; with `cut_off` it gets little time for that. A process that dies is
    restarted after the pause, and `NAME_ended` is logged. One without a `beat` for `silent_seconds` hangs: it is killed, and
    `NAME_silent` is logged.
    """
    supervisor = _Supervisor(name, [sys.executable, "-m", module, *arguments], pause_seconds, silent_seconds)
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


def beat() -> None:
    """Within such a process: a sign of life, each BEAT_SECONDS. It waits for nobody, as the other process may hang."""
    if stat.S_ISSOCK(os.fstat(sys.stdin.fileno()).st_mode):
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as supervisor, suppress(OSError):
            supervisor.send(b".", socket.MSG_DONTWAIT)


class _Supervisor:
    """Runs the command until it is closed, and restarts it whenever it ends or hangs."""

    def __init__(self, name: str, command: Sequence[str], pause_seconds: float, silent_seconds: float) -> None:
        self._name, self._command, self._pause_seconds = name, command, pause_seconds
        self._beats_missed = int(silent_seconds / BEAT_SECONDS)
        self._closing, self._starting = threading.Event(), threading.Lock()
        self._process = self._started()
        self._watcher = threading.Thread(target=self._watch, name=f"{name}-supervisor", daemon=True)
        self._watcher.start()

    def close(self, *, cut_off: bool) -> None:
        """Let the process end by itself, and wait for a limited time."""
        with self._starting:
            self._closing.set()
        with suppress(OSError):  # it has ended
            self._socket.shutdown(socket.SHUT_WR)
        if cut_off:
            self._watcher.join(_CUT_OFF_SECONDS)
            self._process.kill()
        self._watcher.join(_LONGEST_END_SECONDS)

    def _watch(self) -> None:
        while True:
            if self._falls_silent() and not self._closing.is_set():
                log_event(f"{self._name}_silent", level=logging.ERROR, process=self._process.pid)
                self._process.kill()
            status = self._process.wait()
            self._socket.close()
            if not self._closing.is_set():
                log_event(f"{self._name}_ended", level=logging.ERROR, status=status)
                self._closing.wait(self._pause_seconds)
            with self._starting:
                if self._closing.is_set():
                    return
                self._process = self._started()

    def _falls_silent(self) -> bool:
        """Wait until the process misses too many beats (True), or ends.

        Beats are counted, not seconds: where both processes were stopped and continued, this one misses one.
        """
        missed, most = 0, _BEATS_TO_START
        while missed < most:
            try:
                heard = self._socket.recv(4096)
            except TimeoutError:
                missed += 1
                continue
            except OSError:
                return False
            if not heard:
                return False
            missed, most = 0, self._beats_missed
        return True

    def _started(self) -> "subprocess.Popen[bytes]":
        # its standard input ends when this process ends, whatever the cause; the other way, it sends its beats
        self._socket, standard_input = socket.socketpair()
        self._socket.settimeout(BEAT_SECONDS)
        with standard_input:
            return subprocess.Popen(self._command, stdin=standard_input.fileno())  # noqa: S603 this very package
