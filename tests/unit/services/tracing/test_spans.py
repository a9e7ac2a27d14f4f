"""A request is a span of the server, and its stages are parts of it, each where it was in time."""

from random import Random

from fraud_detection_api.services.tracing.spans import AnsweredRequest, StagesTaken, Trace, spans_of
from fraud_detection_api.trace_context import TraceParent

CALLER = TraceParent("ab" * 16, "cd" * 8, sampled=True)
TRACE = Trace(CALLER.trace_id, "ef" * 8, CALLER, "rojo=1")
NOON = 1_790_000_000_000_000_000
STAGES = StagesTaken({"parse": 0.25, "score": 0.5, "store": 1.0}, ended=12.0)
REQUEST = AnsweredRequest(
    trace=TRACE,
    request_id="r-1",
    method="POST",
    route="/v1/decisions",
    path="/v1/decisions",
    scheme="http",
    http_version="1.1",
    status=200,
    error=None,
    records=3,
    model_version="7",
    began=10.0,
    ended=12.5,
    ended_at=NOON,
    stages=STAGES,
)


def spans(**changes):
    return list(spans_of(REQUEST._replace(**changes), Random(7)))


def test_the_requests_span_is_a_child_of_the_callers():
    server = spans()[0]
    assert (server.trace_id, server.span_id, server.parent_id) == (CALLER.trace_id, TRACE.span_id, CALLER.span_id)
    assert server.from_caller
    assert server.tracestate == "rojo=1"
    assert server.name == "POST /v1/decisions"
    assert (server.start, server.end) == (NOON - 2_500_000_000, NOON)


def test_a_request_without_a_caller_begins_the_trace():
    server, *parts = spans(trace=Trace("ab" * 16, "ef" * 8))
    assert (server.parent_id, server.from_caller) == (None, False)
    assert {part.parent_id for part in parts} == {server.span_id}


def test_stages_are_parts_one_after_another_up_to_the_last_ones_end():
    server, *parts = spans()
    placed = {part.name: (part.start - server.start, part.end - server.start) for part in parts}
    second = 1_000_000_000
    assert placed == {
        "parse": (second // 4, second // 2),
        "score": (second // 2, second),
        "store": (second, 2 * second),
    }
    assert {(part.trace_id, part.parent_id, part.from_caller) for part in parts} == {
        (CALLER.trace_id, server.span_id, False)
    }
    assert len({part.span_id for part in [server, *parts]}) == 4


def test_a_span_describes_the_request_and_never_its_body():
    assert spans()[0].attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/decisions",
        "url.path": "/v1/decisions",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "fraud.request_id": "r-1",
        "fraud.records": 3,
        "fraud.model.version": "7",
    }


def test_a_path_that_a_caller_made_up_is_not_reported():
    for route, path in (("/v1/models/{version}", "/v1/models/SECRET"), ("unmatched", "/SECRET")):
        server = spans(route=route, path=path)[0]
        assert "SECRET" not in str(server)
    assert server.name == "POST"
    assert "http.route" not in server.attributes


def test_a_method_that_a_caller_made_up_is_not_reported():
    server = spans(method="SECRET")[0]
    assert server.name == "HTTP /v1/decisions"
    assert server.attributes["http.request.method"] == "_OTHER"
    assert "SECRET" not in str(server)


def test_a_failure_of_the_server_is_an_error_and_one_of_the_caller_is_not():
    failed = spans(status=503, error="StoreUnavailable", stages=None)[0]
    assert failed.failed
    assert failed.attributes["error.type"] == "StoreUnavailable"
    assert spans(status=500)[0].attributes["error.type"] == "500"
    refused = spans(status=422, error="InvalidRecords")[0]
    assert not refused.failed
    assert "error.type" not in refused.attributes


def test_an_abandoned_request_has_no_status():
    assert "http.response.status_code" not in spans(status=0)[0].attributes


def test_a_request_that_failed_before_any_stage_has_no_parts():
    assert len(spans(stages=StagesTaken({}, 12.0))) == 1
    assert len(spans(stages=None)) == 1
