"""The server listens before it says so, and an address that cannot be used is an error in one line."""

import socket
from contextlib import nullcontext

import pytest

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.processes import server
from fraud_detection_api.settings import Settings


class Recorder:
    """Stands for uvicorn's server and supervisor: notes what it was given, and does not run."""

    runs: list[tuple]

    def __init__(self, config, *_given, sockets=None):
        self.config, self.sockets = config, sockets

    def run(self, sockets=None):
        for listening in sockets or self.sockets:
            listening.close()
        self.runs.append((self.config.workers, self.config.port))


@pytest.mark.parametrize(("workers", "runner"), [(1, "Server"), (2, "Multiprocess")])
def test_the_server_has_its_address_before_it_says_so(monkeypatch, workers, runner):
    target = server.uvicorn if runner == "Server" else server
    monkeypatch.setattr(target, runner, type(runner, (Recorder,), {"runs": (runs := [])}))

    def bind_again(address):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        runs.append("bound")

    settings = Settings(port=0, workers=workers)
    server.run_server(settings, stores=False, on_listening=bind_again)
    assert runs == ["bound", (workers, 0)]


@pytest.mark.parametrize(
    ("stores", "settings", "beside"),
    [
        (True, {}, ["writer", "observer"]),
        (True, {"observer": False}, ["writer"]),
        (True, {"keeper": "/run/elsewhere"}, ["observer"]),
        (False, {}, []),
    ],
)
def test_what_stores_and_observes_runs_beside_a_server_that_stores(monkeypatch, stores, settings, beside):
    started = []
    monkeypatch.setattr(server.uvicorn, "Server", type("Server", (Recorder,), {"runs": []}))
    monkeypatch.setattr(server, "decision_writer_process", lambda: nullcontext(started.append("writer")))
    monkeypatch.setattr(server, "observer_process", lambda: nullcontext(started.append("observer")))
    server.run_server(Settings(port=0, **settings), stores=stores, on_listening=lambda _address: None)
    assert started == beside


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("localhost", "http://localhost:80"), ("::1", "http://[::1]:80")],
)
def test_the_address_can_be_pasted_into_a_browser(host, address):
    assert server._address(host, 80) == address


def test_a_port_that_is_taken_names_its_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidSetting, match=rf"^FRAUD_PORT: .*http://127\.0\.0\.1:{port}: Address already in use"):
            server._bind("127.0.0.1", port)


def test_an_address_of_another_machine_names_its_setting():
    elsewhere = "203.0.113.7"  # reserved for documentation by RFC 5737
    with pytest.raises(InvalidSetting, match=rf"^FRAUD_HOST: .*http://{elsewhere}:0: "):
        server._bind(elsewhere, 0)


def test_worker_processes_inherit_the_socket():
    with server._bind("127.0.0.1", 0) as listening:
        assert listening.get_inheritable()
        assert listening.getsockname()[1] > 0


def test_a_health_port_is_listened_on_too_and_one_that_is_taken_names_its_setting(monkeypatch):
    ports = []

    class Listening(Recorder):
        def run(self, sockets=None):
            ports.extend(each.getsockname()[1] for each in sockets)
            for each in sockets:
                each.close()

    monkeypatch.setattr(server.uvicorn, "Server", Listening)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = Settings(port=0, health_port=port)
        with pytest.raises(InvalidSetting, match=r"^FRAUD_HEALTH_PORT: "):
            server.run_server(settings, stores=False, on_listening=lambda _address: None)
    server.run_server(settings, stores=False, on_listening=lambda _address: None)
    assert ports[1:] == [port]


def test_the_health_port_cannot_be_the_port_of_all_other_routes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InvalidSetting, match=r"^FRAUD_HEALTH_PORT: is the port of all other routes"):
        server.run_server(Settings(port=port, health_port=port), stores=False, on_listening=lambda _address: None)
