"""SIGTERM: what was accepted is answered in full, then the process ends."""

import random
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event

import pytest

from support.builders import OVERDRAWN, record
from support.polling import eventually
from support.raw_http import connect, json_bytes, read_answer, request
from support.servers import running_server

SCORE = "/fraud_detection"
CALLERS = 6
DRAIN_SECONDS = 10
SMALL = [OVERDRAWN]
LARGE = [record(customer_id=number) for number in range(3000)]


@dataclass
class Caller:
    """Posts until it is told to stop or is turned away; keeps what became of its requests."""

    name: str
    answered: dict[str, int] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)

    def call_until(self, url: str, stop: Event) -> None:
        draw = random.Random(self.name)
        while not stop.is_set():
            records = draw.choice([SMALL, LARGE])
            request_id = f"{self.name}-{len(self.answered)}"
            try:
                with connect(url) as connection:
                    connection.sendall(request(SCORE, json_bytes(records), x_request_id=request_id))
                    began = connection.recv(1, socket.MSG_PEEK)
                    if not began:
                        return  # closed without a byte: it never was accepted
                    try:
                        answer = read_answer(connection)
                    except (HTTPException, OSError):
                        self.cut.append(request_id)
                        return
            except OSError:
                return  # refused, or reset while it waited to be accepted
            assert len(answer.json()) == len(records)
            self.answered[request_id] = answer.status_code


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_under_load_every_accepted_request_is_answered_in_full(file_registry_path, tmp_path, workers):
    settings = {"FRAUD_WORKERS": str(workers), "FRAUD_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    callers, stop = [Caller(f"caller-{number}") for number in range(CALLERS)], Event()
    with running_server(file_registry_path, tmp_path / "server.log", **settings) as server:
        with ThreadPoolExecutor(CALLERS) as threads:
            calls = [threads.submit(caller.call_until, server.url, stop) for caller in callers]
            eventually(lambda: all(len(caller.answered) >= 5 for caller in callers), "every caller has been answered")
            server.process.send_signal(signal.SIGTERM)
            signalled = time.monotonic()
            server.process.wait(DRAIN_SECONDS + 5)
            took = time.monotonic() - signalled
            stop.set()
        for call in calls:
            call.result()
    answered = {request_id for caller in callers for request_id in caller.answered}
    logged = {event["request_id"]: event["status"] for event in server.events("request") if event["route"] == SCORE}
    assert [request_id for caller in callers for request_id in caller.cut] == []
    assert set(logged.values()) == {200}
    assert set(logged) == answered
    assert took < DRAIN_SECONDS
    assert server.process.returncode in (0, -signal.SIGTERM)
    assert len(server.events("stopped")) == workers


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_request_whose_body_is_still_arriving_is_answered(file_registry_path, tmp_path, workers):
    body = json_bytes(SMALL)
    with running_server(file_registry_path, tmp_path / "server.log", FRAUD_WORKERS=workers) as server:
        with connect(server.url) as connection:
            connection.sendall(request(SCORE, body[:20], content_length=str(len(body)), expect="100-continue"))
            # the server asks for the body once it has begun to read it
            assert connection.recv(1024).startswith(b"HTTP/1.1 100")
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: refuses(server.url), "new connections are refused")
            connection.sendall(body[20:])
            answer = read_answer(connection)
        assert server.process.wait(10) in (0, -signal.SIGTERM)
    assert answer.status_code == 200
    assert len(answer.json()) == 1


def test_a_request_that_outlasts_the_drain_time_does_not_hold_the_process(file_registry_path, tmp_path):
    with (
        running_server(file_registry_path, tmp_path / "server.log", FRAUD_DRAIN_SECONDS="1") as server,
        connect(server.url) as connection,
    ):
        connection.sendall(request(SCORE, b"[", content_length="100", expect="100-continue"))
        assert connection.recv(1024).startswith(b"HTTP/1.1 100")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(8)  # below the 10 s that a body may take


def refuses(url: str) -> bool:
    try:
        with connect(url) as connection:
            connection.settimeout(0.1)
            connection.sendall(request("/ping", method="GET", connection="close"))
            return not connection.recv(1)
    except OSError:
        return True
