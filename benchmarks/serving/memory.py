"""Memory of a server's processes."""

from contextlib import suppress
from pathlib import Path

from benchmarks.serving.processes import Running
from benchmarks.serving.results import Memory

KIBIBYTE = 1024


def measure_memory(running: Running, when: str) -> Memory:
    """Resident and proportional memory of each of its processes, the largest first."""
    found = sorted((_rollup(pid) for pid in running.pids()), reverse=True)
    sizes = [size for size in found if size[0]]
    return Memory(running.server.name, when, [rss for rss, _ in sizes], [pss for _, pss in sizes])


def _rollup(pid: int) -> tuple[int, int]:
    with suppress(OSError):
        return parse_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8"))
    return 0, 0


def parse_rollup(text: str) -> tuple[int, int]:
    """RSS and PSS in bytes of Linux's `smaps_rollup`; PSS shares what several processes map among them.

    >>> parse_rollup("Rss: 2 kB" + chr(10) + "Pss: 1 kB")
    (2048, 1024)
    """
    sizes = {line.split()[0]: line.split()[1] for line in text.splitlines() if line.endswith("kB")}
    return int(sizes["Rss:"]) * KIBIBYTE, int(sizes["Pss:"]) * KIBIBYTE
