"""What a server that is down, slow, strange or unwilling does to the adapters of MLflow: one line that teaches, soon."""

import json
import os
import socket
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from fraud_detection_api.container.registry import build_registry, build_tracker
from fraud_detection_api.errors import MissingExtra, RegistryUnavailable
from support.listening import listening
from support.mlflow_servers import free_port

UNKNOWN_MODEL = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no model"}).encode()


@contextmanager
def answering(status: int, body: bytes = b"", **headers: str):
    """A server that gives the same answer to everything; its address and the requests that it has had."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as port:
        yield f"http://127.0.0.1:{port}", requests


def refusal(url: str, *, within_seconds: float = 5) -> str:
    """The line of the error that asking for the champion ends in."""
    started = time.monotonic()
    with pytest.raises(RegistryUnavailable) as caught:
        build_registry(f"mlflow:{url}").assigned("champion")
    assert time.monotonic() - started < within_seconds
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_asking_for_the_champion_is_one_request():
    with answering(404, UNKNOWN_MODEL) as (url, requests):
        assert build_registry(f"mlflow:{url}").assigned("champion") is None
    assert len(requests) == 1


def test_building_asks_nothing_of_the_server():
    with answering(500) as (url, requests):
        build_registry(f"mlflow:{url}")
    assert requests == []


def test_a_server_that_is_down_is_reported():
    url = f"http://127.0.0.1:{free_port()}"
    assert refusal(url).startswith(f"MLflow at {url} cannot be reached")


def test_a_server_that_accepts_and_never_answers_is_given_up(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = refusal(f"http://127.0.0.1:{silent.getsockname()[1]}", within_seconds=10)
    assert "did not answer as MLflow does" in told


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_twice_and_then_reported(status):
    with answering(status, b"<b>trace</b>", Retry_After="3600") as (url, requests):
        told = refusal(url)
    assert "did not answer as MLflow does" in told
    assert "trace" not in told
    assert len(requests) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_caller_learns_how_to_authenticate(monkeypatch, status):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "fraud")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    with answering(status, b"You are not authenticated") as (url, requests):
        told = refusal(url)
    assert "rejects this caller" in told
    assert "MLFLOW_TRACKING_PASSWORD, or add this address to its --allowed-hosts" in told
    assert "s3cret" not in told
    assert requests[0]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"<html>"), (404, b"[]"), (302, b"")])
def test_another_server_than_mlflow_is_reported(status, body):
    with answering(status, body) as (url, _):
        assert "check that it runs, that it is MLflow" in refusal(url)


def test_a_tracker_that_is_down_is_reported_when_it_is_built():
    target = f"mlflow:http://127.0.0.1:{free_port()}"
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        build_tracker(target, registry="registry", mlflow_uri=None)


def test_mlflow_reports_nothing_to_its_makers():
    build_registry("mlflow:http://127.0.0.1:1")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_what_the_operator_sets_takes_precedence(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "33")
    build_registry("mlflow:http://127.0.0.1:1")
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "33"


def test_without_mlflow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra) as caught:
        build_registry("mlflow:http://127.0.0.1:5000")
    assert str(caught.value).endswith("needs the optional extra 'mlflow': pip install 'fraud-detection-api[mlflow]'")
