"""Stores that hang: they take connections and writes, and do not answer until the fault ends."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from drills.crash.service import Service
from support.child_processes import children_of
from support.postgres_servers import RunningPostgres

SLOW_SECONDS = 3.0
"""How long each sync of a slow disk takes, about."""


class FrozenDisk:
    """A file system of its own, on a loop device: whoever writes to it waits in the kernel, and cannot be interrupted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> None:
        _run("fsfreeze", "--freeze", str(self.folder))

    def end(self) -> None:
        _run("fsfreeze", "--unfreeze", str(self.folder))


@contextmanager
def mounted_disk(folder: Path) -> Iterator[FrozenDisk]:
    """A disk that can be frozen, while the block runs; skips the drill where nobody may mount one."""
    image, mounted = folder / "disk.img", folder / "disk"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    try:
        _run("mkfs.ext4", "-q", str(image))
        _run("mount", "-o", "loop", str(image), str(mounted))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here, so none can be frozen: {error}")
    disk = FrozenDisk(mounted)
    try:
        yield disk
    finally:
        with suppress(subprocess.CalledProcessError):
            disk.end()
        _run("umount", "--lazy", str(mounted))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class StoppedPostgres:
    """All processes of a server are stopped: the kernel still acknowledges what is sent to them."""

    def __init__(self, server: RunningPostgres) -> None:
        self._server, self._stopped = server, [0]

    def begin(self) -> None:
        first = self._server.process_id
        self._stopped = [first, *children_of(first)]
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(process, number)


class Slow:
    """A fault that comes and goes, so that each sync takes SLOW_SECONDS."""

    def __init__(self, fault: "FrozenDisk | StoppedPostgres") -> None:
        self._fault, self._ended = fault, threading.Event()
        self._thread = threading.Thread(target=self._alternate, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _alternate(self) -> None:
        while not self._ended.is_set():
            self._fault.begin()
            self._ended.wait(SLOW_SECONDS)
            self._fault.end()
            self._ended.wait(0.05)


class BlackHole:
    """A proxy that swallows what is sent: nobody gets an answer, and no connection ends. Connections do not recover."""

    def __init__(self, target: int) -> None:
        self._target, self._swallows = target, threading.Event()
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self) -> None:
        self._swallows.set()

    def end(self) -> None:
        self._swallows.clear()

    def close(self) -> None:
        for each in [self._listening, *self._sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += caller, server
                lost = threading.Event()
                if self._swallows.is_set():
                    lost.set()
                for one, other in ((caller, server), (server, caller)):
                    threading.Thread(target=self._pass, args=(one, other, lost), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while content := one.recv(65536):
                if self._swallows.is_set():
                    lost.set()
                if not lost.is_set():
                    other.sendall(content)
        if not lost.is_set():
            with suppress(OSError):
                other.shutdown(socket.SHUT_WR)


class StoppedPart:
    """The process that stores decisions, or the one that observes them, is stopped and never continued."""

    def __init__(self, service: Service, module: str) -> None:
        self._service, self._module = service, module
        self.process = 0

    def begin(self) -> None:
        [self.process] = self.parts()
        os.kill(self.process, signal.SIGSTOP)

    def end(self) -> None:
        """Nothing: another process replaces it."""

    def parts(self) -> list[int]:
        assert self._service._process is not None
        return children_of(self._service._process.pid, f"fraud_detection_api.processes.{self._module}")


class ReplacedFile:
    """The file is moved away with the log beside it, and nothing or an older copy takes its place."""

    def __init__(self, file: Path) -> None:
        self.file, self.old = file, file.with_name("old.db")

    def begin(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                shutil.move(f"{self.file}{suffix}", f"{self.old}{suffix}")

    def end(self) -> None:
        """Nothing: the server makes a new file."""
