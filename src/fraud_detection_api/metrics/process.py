"""What a process takes of its machine."""

import resource
import time
from contextlib import suppress
from pathlib import Path

from fraud_detection_api.metrics.catalogue import PROCESS_CPU, PROCESS_MEMORY, PROCESS_OPEN_FDS, PROCESS_START_TIME
from fraud_detection_api.metrics.tallies import Tallies

_STATM, _OPEN_FILES = Path("/proc/self/statm"), Path("/proc/self/fd")


def measure_process(tallies: Tallies) -> None:
    """From now on, tell of this process. Where the system has no /proc, memory and open files are left out."""
    tallies.gauge(PROCESS_START_TIME).set(time.time())
    cpu, counted = tallies.counter(PROCESS_CPU), 0.0

    def read() -> None:
        nonlocal counted
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = usage.ru_utime + usage.ru_stime
        cpu.add(used - counted)  # not set: the count goes on from the process that had the slot before
        counted = used
        with suppress(OSError):
            pages = int(_STATM.read_bytes().split()[1])
            tallies.gauge(PROCESS_MEMORY).set(pages * resource.getpagesize())
            tallies.gauge(PROCESS_OPEN_FDS).set(sum(1 for _ in _OPEN_FILES.iterdir()) - 1)  # without the one that looks

    tallies.read_with(read)
