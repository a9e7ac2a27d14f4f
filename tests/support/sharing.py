"""A server that all test processes of a run share, for it starts slowly."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def shared(folder: Path, start: Callable[[], list[Any]], stop: Callable[[list[Any]], None]) -> Iterator[list[Any]]:
    """What `start` told of its server, as JSON. The first test process that asks starts it, the last one stops it."""
    folder.mkdir(exist_ok=True)
    users, told = folder / "users", folder / "server.json"
    with locked(folder):
        users.mkdir(exist_ok=True)
        if not any(users.iterdir()):
            told.write_text(json.dumps(start()))
        (users / str(os.getpid())).touch()
        server = json.loads(told.read_text())
    try:
        yield server
    finally:
        with locked(folder):
            (users / str(os.getpid())).unlink()
            if not any(users.iterdir()):
                stop(server)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """While the block runs, no other test process is in one with that folder."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
