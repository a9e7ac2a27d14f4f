"""Traces of a real server of several workers, at a collector that is there, comes late, or never comes."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2 as httpx

from support import calls
from support.builders import OVERDRAWN
from support.collector import collecting
from support.polling import eventually
from support.servers import run_fraud, running_server

WORKERS, CALLS = 2, 120
DECIDED = "POST /v1/decisions"
STAGES = ["parse", "encode", "score", "explain", "store"]


def decide(server, number: int) -> httpx.Response:
    headers = {"traceparent": f"00-{number:032x}-{number:016x}-01", "X-Request-ID": f"r-{number}"}
    body = {"records": [OVERDRAWN] * (number % 3 + 1), "explain": True}
    return calls.post(f"{server.url}/v1/decisions", json=body, headers=headers)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_every_request_of_every_worker_is_one_whole_trace(file_registry_path, tmp_path):
    with collecting() as collector:
        settings = {"FRAUD_WORKERS": str(WORKERS), "FRAUD_TRACES": f"otlp:{collector.url}"}
        with running_server(file_registry_path, tmp_path / "server.log", **settings) as server:
            # the first that listens is ready, and would answer all alone
            eventually(lambda: len(server.events("started")) == WORKERS, "both workers listen")
            with ThreadPoolExecutor(16) as threads:
                answers = list(threads.map(lambda number: decide(server, number), range(1, CALLS + 1)))
            assert {answer.status_code for answer in answers} == {200}
            logged = {number: server.request_event(f"r-{number}") for number in range(1, CALLS + 1)}
        # the server has ended, and what waited was exported
        spans = {int(span.trace_id, 16): span for span in collector.named(DECIDED)}
    assert set(spans) == set(logged)
    assert len(collector.named(DECIDED)) == CALLS
    for number, span in spans.items():
        assert int(span.parent_id, 16) == number
        assert span.attributes["fraud.records"] == number % 3 + 1
        assert [part.name for part in collector.parts_of(span)] == STAGES
        assert (logged[number]["trace_id"], logged[number]["span_id"]) == (span.trace_id, span.span_id)
        assert (span.end - span.start) / 1e6 == round((span.end - span.start) / 1e6, 6)
        assert abs((span.end - span.start) / 1e6 - logged[number]["duration_ms"]) < 0.01
        assert abs(span.end / 1e9 - time.time()) < 300
    assert len({span.resource["service.instance.id"] for span in spans.values()}) == WORKERS
    assert not collector.named("GET /readyz")


def test_a_collector_that_comes_late_stops_nothing_and_is_told_of_once(file_registry_path, tmp_path):
    port = free_port()
    settings = {"FRAUD_TRACES": f"otlp:http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"}
    with running_server(file_registry_path, tmp_path / "server.log", **settings) as server:
        assert decide(server, 1).status_code == 200
        (told,) = eventually(lambda: server.events("traces_lost"), "the loss is logged")
        assert decide(server, 2).status_code == 200
        time.sleep(1.2)  # another export
        assert told["level"] == "warning"
        signalled = time.monotonic()
        server.process.terminate()
        server.process.wait(15)
        assert time.monotonic() - signalled < 5
        assert len(server.events("traces_lost")) == 1
        assert "opentelemetry" not in server.log_text()
        assert "Traceback" not in server.log_text()


def test_a_collector_that_takes_and_never_answers_holds_no_process(file_registry_path, tmp_path):
    with socket.socket() as hole, ExitStack() as stack:
        hole.bind(("127.0.0.1", 0))
        hole.listen()
        traces = f"otlp:http://127.0.0.1:{hole.getsockname()[1]}"
        with running_server(file_registry_path, tmp_path / "server.log", FRAUD_TRACES=traces) as server:
            assert decide(server, 1).status_code == 200
            asked, _ = hole.accept()  # the export hangs by now
            stack.enter_context(asked)
            assert decide(server, 2).status_code == 200
            signalled = time.monotonic()
            server.process.terminate()
            server.process.wait(15)
            assert time.monotonic() - signalled < 8


WITHOUT_THE_EXTRA = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
"""


def test_a_server_without_the_extra_says_what_to_install(file_registry_path, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_EXTRA)
    done = run_fraud(
        *("serve", "--registry", str(file_registry_path)),
        FRAUD_TRACES="otlp:http://127.0.0.1:4318",
        FRAUD_STORE="none",
        PYTHONPATH=f"{tmp_path}:{__import__('os').environ.get('PYTHONPATH', '')}",
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: FRAUD_TRACES needs the optional extra 'tracing': pip install 'fraud-detection-api[tracing]'\n"
    )
