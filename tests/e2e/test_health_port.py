"""FRAUD_HEALTH_PORT: health and metrics on a port of their own, whatever happens on the other one."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from support import calls
from support.builders import OVERDRAWN
from support.http import assert_problem
from support.polling import eventually
from support.raw_http import connect, exchange, request
from support.servers import running_server

CONNECTIONS = 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_health_is_answered_on_its_own_port_while_the_other_has_no_connection_left(
    file_registry_path, tmp_path, workers
):
    settings = {
        "FRAUD_HEALTH_PORT": str(free_port()),
        "FRAUD_WORKERS": str(workers),
        "FRAUD_MAX_CONNECTIONS": str(CONNECTIONS),
    }
    with running_server(file_registry_path, tmp_path / "server.log", **settings) as server, ExitStack() as held:
        health = f"http://{urlsplit(server.url).hostname}:{settings['FRAUD_HEALTH_PORT']}"
        beyond = (CONNECTIONS + 33) * workers * 2  # all that all workers take, with their reserve
        for _ in range(beyond):
            held.enter_context(connect(server.url))
        eventually(
            lambda: exchange(server.url, request("/livez", method="GET")).status_code == 503,
            "even the reserve of the other port is taken",
        )
        for path in ("/ping", "/livez", "/readyz", "/metrics"):
            assert calls.get(health + path).status_code == 200
        assert_problem(calls.post(health + "/fraud_detection", json=[OVERDRAWN]), 404, "not_found")
        problem = assert_problem(calls.get(health + "/openapi.json"), 404, "not_found")
        assert problem["detail"] == "no such route; this port has /ping, /livez, /readyz and /metrics"
