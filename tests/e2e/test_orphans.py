"""Workers whose supervisor was killed: nobody would end them, and they hold the port."""

import os
import signal
import socket
from urllib.parse import urlsplit

from support.polling import eventually
from support.servers import start_server, wait_until_up


def test_workers_end_once_their_supervisor_is_killed(file_registry_path, tmp_path):
    log = tmp_path / "server.log"
    process = start_server(file_registry_path, log, own_group=True, FRAUD_WORKERS="2")
    try:
        server = wait_until_up(process, log, ready=True)
        process.kill()
        process.wait()
        address = urlsplit(server.url)
        eventually(lambda: is_free(address.hostname, address.port), "the port is free")
        assert len(server.events("supervisor_gone")) == 2
        eventually(lambda: len(server.events("stopped")) == 2, "both end as they do by SIGTERM")
    finally:
        end_group(process.pid)


def is_free(host: str, port: int) -> bool:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError:
            return False
    return True


def end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
