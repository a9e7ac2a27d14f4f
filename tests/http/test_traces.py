"""A request's trace: taken from its caller or begun here, in its log line, and exported once it is answered."""

from functools import partial
from itertools import pairwise

import pytest
from starlette.testclient import TestClient

from fraud_detection_api.container import process
from fraud_detection_api.container.process import build_container
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.main import create_app
from fraud_detection_api.services.tracing.tracer import RequestTracer
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN
from support.collector import collecting
from support.fakes import InMemoryRegistry
from support.http import JSON
from support.polling import eventually

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
SCORED = "POST /fraud_detection"
STAGES = ["parse", "encode", "score"]


@pytest.fixture
def collector():
    with collecting() as collector:
        yield collector


@pytest.fixture
def traced(client_for, collector, monkeypatch):
    """Starts applications that export to the collector, without the pauses between exports."""
    monkeypatch.setattr(process, "RequestTracer", partial(RequestTracer, every_seconds=0.01))

    def start(**settings):
        return client_for(**{"traces": f"otlp:{collector.url}", **settings})

    return start


def exported(collector, name):
    return eventually(lambda: collector.named(name), f"the span {name} is exported", within_seconds=5)


@pytest.mark.parametrize("path", ["/fraud_detection", "/ping"])
@pytest.mark.parametrize("header", [SAMPLED, UNSAMPLED])
def test_without_tracing_the_log_line_names_the_callers_trace(client, events, path, header):
    client.request("POST" if path != "/ping" else "GET", path, json=[OVERDRAWN], headers={"traceparent": header})
    (line,) = events("request")
    assert line["trace_id"] == TRACE
    assert "span_id" not in line


@pytest.mark.parametrize("header", [None, "", "00-x-y-01", SAMPLED.upper(), f"ff{SAMPLED[2:]}", f"{SAMPLED}-more"])
def test_without_tracing_a_missing_or_malformed_header_is_as_none(client, events, header):
    answer = client.post(
        "/fraud_detection", json=[OVERDRAWN], headers={} if header is None else {"traceparent": header}
    )
    assert answer.status_code == 200
    (line,) = events("request")
    assert not {"trace_id", "span_id"} & set(line)


def test_a_header_that_comes_twice_is_as_none(client, events):
    client.get("/ping", headers=[("traceparent", SAMPLED), ("traceparent", SAMPLED)])
    assert "trace_id" not in events("request")[0]


def test_a_scored_request_is_a_span_with_its_stages_as_parts(traced, collector, events):
    client = traced()
    headers = {"traceparent": SAMPLED, "tracestate": "rojo=1", "X-Request-ID": "r-1"}
    answer = client.post("/fraud_detection", json=[OVERDRAWN, OVERDRAWN], headers=headers)
    (server,) = exported(collector, SCORED)
    assert (server.trace_id, server.parent_id, server.kind, server.tracestate) == (TRACE, SPAN, "SERVER", "rojo=1")
    assert server.attributes["http.route"] == "/fraud_detection"
    assert server.attributes["http.response.status_code"] == 200
    assert (server.attributes["fraud.records"], server.attributes["fraud.model.version"]) == (2, "1")
    assert server.attributes["fraud.request_id"] == "r-1"
    parts = collector.parts_of(server)
    assert [part.name for part in parts] == STAGES
    told = {
        name: float(ms) for name, ms in (each.split(";dur=") for each in answer.headers["Server-Timing"].split(", "))
    }
    assert {part.name: (part.end - part.start) / 1e6 for part in parts} == pytest.approx(told, abs=0.001)
    assert server.start <= parts[0].start
    assert parts[-1].end <= server.end
    for before, after in pairwise(parts):
        assert after.start == pytest.approx(before.end, abs=2)
    (line,) = events("request")
    assert (line["trace_id"], line["span_id"]) == (TRACE, server.span_id)


def test_a_decision_that_is_kept_tells_of_its_reasons_and_of_the_store(traced, collector, tmp_path):
    client = traced(store=f"sqlite:///{tmp_path / 'decisions.db'}")
    client.post("/v1/decisions", json={"records": [OVERDRAWN], "explain": True})
    (server,) = exported(collector, "POST /v1/decisions")
    assert [part.name for part in collector.parts_of(server)] == [*STAGES, "explain", "store"]


def test_a_request_without_a_trace_begins_one(traced, collector, events):
    client = traced()
    client.get("/v1/contract")
    (server,) = exported(collector, "GET /v1/contract")
    assert server.parent_id is None
    assert collector.parts_of(server) == []
    (line,) = events("request")
    assert (line["trace_id"], line["span_id"]) == (server.trace_id, server.span_id)


def test_a_malformed_header_begins_a_trace_of_its_own(traced, collector):
    traced().get("/v1/contract", headers={"traceparent": SAMPLED.upper(), "tracestate": "rojo=1"})
    (server,) = exported(collector, "GET /v1/contract")
    assert (server.parent_id, server.tracestate) == (None, "")
    assert server.trace_id != TRACE


def test_what_the_caller_does_not_record_is_not_recorded_here(traced, collector, events):
    client = traced()
    client.get("/v1/contract", headers={"traceparent": UNSAMPLED})
    client.get("/v1/models")
    exported(collector, "GET /v1/models")
    assert not collector.named("GET /v1/contract")
    line = events("request")[0]
    assert line["trace_id"] == TRACE
    assert "span_id" not in line


def test_no_more_than_the_ratio_begins_traces(traced, collector, events):
    client = traced(traces_ratio=0)
    client.post("/fraud_detection", json=[OVERDRAWN])
    client.post("/fraud_detection", json=[OVERDRAWN], headers={"traceparent": SAMPLED})
    assert len(exported(collector, SCORED)) == 1
    assert ["trace_id" in line for line in events("request")] == [False, True]


def test_a_tracestate_with_a_fault_is_left_out_and_the_trace_goes_on(traced, collector):
    headers = {"traceparent": SAMPLED, "tracestate": "rojo=1,rojo=2"}
    traced().post("/fraud_detection", json=[OVERDRAWN], headers=headers)
    (server,) = exported(collector, SCORED)
    assert (server.trace_id, server.tracestate) == (TRACE, "")


@pytest.mark.parametrize(
    ("path", "status", "name"), [("/fraud_detection", 422, SCORED), ("/v1/nowhere/SECRET", 404, "POST")]
)
def test_a_refused_request_is_traced_without_anything_that_was_sent(traced, collector, path, status, name):
    traced().post(path, content=b'[{"customer_id": "SECRET"}]', headers=JSON | {"User-Agent": "SECRET"})
    (server,) = exported(collector, name)
    assert (server.attributes["http.response.status_code"], server.failed) == (status, False)
    assert not any(b"SECRET" in posted for posted in collector.bodies)


def test_nothing_of_a_record_or_a_key_is_exported(traced, collector):
    key = "score-key-that-nobody-may-see"
    client = traced(api_keys=f"score:{key}")
    body = {"records": [{**OVERDRAWN, "customer_id": 987654321}], "explain": True}
    answer = client.post("/v1/decisions", json=body, headers={"Authorization": f"Bearer {key}"})
    exported(collector, "POST /v1/decisions")
    for secret in (b"987654321", key.encode(), answer.json()["decisions"][0]["decision_id"].encode()):
        assert not any(secret in posted for posted in collector.bodies)


def test_an_answer_that_fails_here_is_marked_as_failed(client_for, collector):
    client = client_for(InMemoryRegistry(), traces=f"otlp:{collector.url}")
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 503
    (server,) = exported(collector, SCORED)
    assert server.failed
    assert server.attributes["error.type"] == "ModelNotReady"


def test_what_waits_is_exported_before_the_application_ends(collector, registry):
    settings = Settings(store="none", traces=f"otlp:{collector.url}")
    with TestClient(
        create_app(settings, container=build_container(settings, registry=registry)), base_url="http://localhost"
    ) as client:
        client.post("/fraud_detection", json=[OVERDRAWN])
    assert collector.named(SCORED)


@pytest.mark.parametrize(
    ("traces", "told"),
    [
        ("jaeger:http://h", "traces go to `otlp:http://HOST:4318`, or to `otlp`"),
        ("http://h:4318", "traces go to `otlp:http://HOST:4318`, or to `otlp`"),
        ("otlp:", "a collector's address is like otlp:http://127.0.0.1:4318"),
        ("otlp:h:4318", "a collector's address is like otlp:http://127.0.0.1:4318"),
        ("otlp:http://me:s3cret@h", "a collector's address is like otlp:http://127.0.0.1:4318"),
    ],
)
def test_a_target_that_is_none_stops_the_start(client_for, traces, told):
    with pytest.raises(InvalidSetting) as caught:
        client_for(traces=traces)
    assert str(caught.value).startswith(f"FRAUD_TRACES: {told}")
    assert "s3cret" not in str(caught.value)


def test_the_framework_exports_nothing_of_its_own(client_for, collector, monkeypatch):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    client = client_for()
    client.get("/v1/models/SECRET?q=SECRET", headers={"traceparent": SAMPLED})
    client.__exit__()
    assert not collector.requests
