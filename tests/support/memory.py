"""The memory of a server's processes, in a cgroup with a limit where this machine lets us make one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread


class MemoryGroup:
    """A cgroup (version 1 or 2) for the processes of a server; `peak_bytes` is the most that they held at a time.

    Page cache does not count: the kernel takes it back before it kills.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_v2 = (folder / "memory.max").exists()
        self.peak_bytes = 0

    def limit(self, limit_bytes: int) -> None:
        (self._folder / ("memory.max" if self._is_v2 else "memory.limit_in_bytes")).write_text(str(limit_bytes))

    def add(self, pid: int) -> None:
        """Count a process from now on, and those that it starts."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    @property
    def kills(self) -> int:
        """How many processes were killed for want of memory."""
        events = (self._folder / ("memory.events" if self._is_v2 else "memory.oom_control")).read_text()
        return int(dict(line.split() for line in events.splitlines())["oom_kill"])

    def held_bytes(self) -> int:
        status = dict(line.split() for line in (self._folder / "memory.stat").read_text().splitlines())
        return int(status["anon" if self._is_v2 else "total_rss"])

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measure the peak while the block runs."""
        ended = Event()

        def watch() -> None:
            while not ended.wait(0.02):
                self.peak_bytes = max(self.peak_bytes, self.held_bytes())

        watching = Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()


@contextmanager
def memory_group(name: str, limit_bytes: int) -> Iterator[MemoryGroup | None]:
    """A cgroup with a limit; None where this machine lets us make none."""
    folder = _own_folder() / name
    try:
        folder.mkdir()
        group = MemoryGroup(folder)
        group.limit(limit_bytes)
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        for _ in range(100):  # the last process may still be on its way out
            with suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)


def _own_folder() -> Path:
    """Where this process's own group is, in either version's hierarchy."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        root = Path("/sys/fs/cgroup") / ("memory" if "memory" in controllers.split(",") else "")
        if "memory" in controllers.split(",") or (number == "0" and (root / "cgroup.controllers").exists()):
            return root / path.lstrip("/")
    return Path("/sys/fs/cgroup")
