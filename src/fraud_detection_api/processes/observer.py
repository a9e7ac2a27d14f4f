"""The process that observes stored decisions. `fraud serve` starts it with the workers, and ends it with the server."""

import os
import sys
import threading
from contextlib import AbstractContextManager, suppress

from fraud_detection_api.container.observer import build_observer
from fraud_detection_api.processes.child_process import BEAT_SECONDS, beat, begun, child_process

NICENESS = 10
"""Scoring has priority; the work of this process can wait."""

_LONGEST_END_SECONDS = 1.0
_SILENT_SECONDS = 10.0  # it has the lowest priority
_PAUSE_SECONDS = 2.0  # no request waits for this process, and starting it takes processor time from requests


def observer_process() -> AbstractContextManager[None]:
    """Run the process while the block runs. It may be cut off: it stores everything in transactions."""
    pause, silent = _PAUSE_SECONDS, _SILENT_SECONDS
    return child_process("observer", __name__, pause_seconds=pause, silent_seconds=silent, cut_off=True)


def main() -> None:
    """Observe until standard input ends, which it does with the process that holds its other end."""
    os.nice(NICENESS)
    with begun("observer") as (settings, tallies):
        ended = threading.Event()
        threading.Thread(target=_wait_for_end, args=(ended,), name="end-of-input", daemon=True).start()
        # a thread of its own: a store or a report may take long, and the process would hang as long when it is new
        threading.Thread(target=_beat, args=(ended,), name="beat", daemon=True).start()
        build_observer(settings, tallies).run(ended)


def _beat(ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        beat()


def _wait_for_end(ended: threading.Event) -> None:
    with suppress(OSError):  # where the other process was killed
        sys.stdin.buffer.read()
    ended.set()
    # the work under way may be cut off, because it is stored in transactions; the server may have been killed
    threading.Timer(_LONGEST_END_SECONDS, os._exit, (0,)).start()


if __name__ == "__main__":
    main()
