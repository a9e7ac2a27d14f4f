"""The server under test: started, killed without warning, workers and all, and started again."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from drills.crash.callers import Address
from fraud_detection_api.settings import Settings
from support.servers import Server, start_server, wait_until_up

if TYPE_CHECKING:
    from subprocess import Popen

SECONDS_TO_START = 1.5
"""About; moments of a start are drawn from as long."""


class Service:
    """`fraud serve` on one store, over several lives; each has a log of its own in `folder`."""

    def __init__(self, registry: Path, folder: Path, **environment: str) -> None:
        self.address = Address()
        self.lives = self.kills = 0
        self.store = environment.setdefault("FRAUD_STORE", f"sqlite:///{folder / 'decisions.db'}")
        self._registry, self._folder, self._environment = registry, folder, environment
        self._process: Popen[bytes] | None = None
        self._server: Server | None = None

    @property
    def settings(self) -> Settings:
        """As the server has them."""
        return Settings.from_environment(self._environment)

    @property
    def url(self) -> str:
        """Of the server, which must be up."""
        assert self.address.url is not None
        return self.address.url

    @property
    def sqlite(self) -> Path | None:
        """The store's file, where it is one."""
        return Path(self.store.removeprefix("sqlite:///")) if self.store.startswith("sqlite") else None

    def start(self, *, wait: bool = True, ready: bool = True) -> None:
        """Start a new life; with `wait`, until it answers."""
        self.lives += 1
        self._process = start_server(self._registry, self._log(self.lives), own_group=True, **self._environment)
        if wait:
            self._server = wait_until_up(self._process, self._log(self.lives), ready)
            self.address.url = self._server.url

    def kill(self) -> None:
        """SIGKILL to the process and to all that it started."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self.address.url = None
        self._process.wait()
        self.kills += 1

    def kill_a_part(self, draw: random.Random) -> None:
        """SIGKILL to one process of those that the first one started: a worker, or the one that keeps decisions."""
        os.kill(draw.choice(self.parts()), signal.SIGKILL)
        self.kills += 1

    def is_alive(self) -> bool:
        """Whether the process that was started last still runs."""
        return self._process is not None and self._process.poll() is None

    def kill_while_starting(self, draw: random.Random) -> None:
        """A life that ends before the server answers, or about then."""
        self.start(wait=False)
        time.sleep(draw.uniform(0, SECONDS_TO_START))
        self.kill()

    def drained(self) -> int:
        """Records that went from the journal into the store, as far as the logs of all lives say."""
        servers = [Server("", self._process, self._log(life)) for life in range(1, self.lives + 1)]
        return sum(int(event["records"]) for server in servers for event in server.events("journal_drained"))

    def journal_files(self, pattern: str) -> list[Path]:
        """Files of the journal that hold something."""
        return [path for path in self.settings.journal.glob(pattern) if path.stat().st_size]

    def parts(self) -> list[int]:
        """The other processes of the first one's group."""
        assert self._process is not None
        first, parts = self._process.pid, []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                if int(group) == first and state != "Z" and stat.parent.name != str(first):
                    parts.append(int(stat.parent.name))
        return sorted(parts)

    @contextmanager
    def until_the_end(self) -> Iterator["Service"]:
        """Whatever happens in the block, nothing is left running after it."""
        try:
            yield self
        finally:
            if self.is_alive():
                self.kill()

    def _log(self, life: int) -> Path:
        return self._folder / f"server-{life}.log"
