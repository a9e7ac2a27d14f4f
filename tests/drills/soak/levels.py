"""What a server occupies: memory, descriptors and files, which must not grow while it works."""

import statistics
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from drills.crash.service import Service

MEMORY_SHARE, MEMORY_MB = 0.1, 40
"""Growth of memory that is none: as a share, and caches that fill up at the beginning."""
MOST_MORE = 30
"""More descriptors or files than that are a leak: processes that start and end have some at a time."""


class Level(NamedTuple):
    """Of all processes together; `files` are those beside the store, without the logs of each life."""

    memory_mb: float
    descriptors: int
    files: int


def level(service: Service, folder: Path) -> Level:
    """The level now."""
    memory_kb = descriptors = 0
    for pid in service.parts():
        with suppress(OSError):  # it has just ended
            rolled_up = Path(f"/proc/{pid}/smaps_rollup").read_text()
            memory_kb += int(next(line for line in rolled_up.splitlines() if line.startswith("Pss:")).split()[1])
            descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    files = sum(path.is_file() and path.suffix != ".log" for path in folder.rglob("*"))
    return Level(memory_kb / 1024, descriptors, files)


def growth(levels: Sequence[Level]) -> Level:
    """From the median of the first third to that of the last one."""
    third = max(len(levels) // 3, 1)
    first, last = (
        Level(*map(statistics.median, zip(*part, strict=True))) for part in (levels[:third], levels[-third:])
    )
    return Level(*(after - before for before, after in zip(first, last, strict=True)))


def memory_allowed_mb(levels: Sequence[Level]) -> float:
    """How much memory may grow."""
    return MEMORY_MB + MEMORY_SHARE * statistics.median(level.memory_mb for level in levels)
