"""What a server has started, once its supervisor is killed: nobody would end it, and workers hold the port."""

import os
import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

from support.child_processes import children_of, command_of, is_running
from support.polling import eventually
from support.servers import start_server, wait_until_up


def test_workers_and_what_stores_their_decisions_end_once_their_supervisor_is_killed(file_registry_path, tmp_path):
    log = tmp_path / "server.log"
    process = start_server(file_registry_path, log, own_group=True, FRAUD_WORKERS="2")
    try:
        server = wait_until_up(process, log, ready=True)
        eventually(lambda: len(server.events("started")) == 2, "both workers serve")
        [writer] = children_of(process.pid, "decision_writer")
        [folder] = re.findall(r"/\S*fraud-keeper-\w+", command_of(writer))
        process.kill()
        process.wait()
        address = urlsplit(server.url)
        eventually(lambda: is_free(address.hostname, address.port), "the port is free")
        assert len(server.events("supervisor_gone")) == 2
        eventually(lambda: len(server.events("stopped")) == 2, "both end as they do by SIGTERM")
        eventually(lambda: not is_running(writer), "the process that stores decisions has ended")
        eventually(lambda: not Path(folder).exists(), "its folder has gone")
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
