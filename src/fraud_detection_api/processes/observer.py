"""The process that observes kept decisions: `fraud serve` starts it, and it ends when that has ended."""

import os
import signal
import sys
import threading

from fraud_detection_api.container.observer import build_observer
from fraud_detection_api.metrics.sharing import SharedMetrics, single
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.settings import Settings
from fraud_detection_api.telemetry import configure_logging

NICENESS = 10
"""Scoring goes first; what this process does can wait."""

_LONGEST_END_SECONDS = 1.0


def main() -> None:
    """Observe until standard input ends, which it does with the process that holds its other end."""
    # whoever stops a whole group of processes means the workers; this one ends with the server
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    settings = Settings.from_environment(os.environ)
    configure_logging(settings.log_level, settings.log_format)
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), name="end-of-input", daemon=True).start()
    metrics = SharedMetrics(Tallies(), settings.metrics_folder)
    metrics.start(single("observer"))
    build_observer(settings, metrics.tallies).run(ended)
    metrics.close()


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()
    # all that is kept is kept in transactions, so whatever is under way may be cut off; the server may have been killed
    threading.Timer(_LONGEST_END_SECONDS, os._exit, (0,)).start()


if __name__ == "__main__":
    main()
