"""Which requests are recorded; recording never blocks, is bounded, and reports losses once."""

import json
from collections.abc import Sequence
from random import Random
from threading import Event

import pytest
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from fraud_detection_api.errors import TracesNotDelivered
from fraud_detection_api.services.tracing.tracer import CALM_SECONDS, QUEUE, RequestTracer
from fraud_detection_api.trace_context import Span, TraceParent
from support.polling import eventually
from unit.services.tracing.test_spans import REQUEST

CALLER = TraceParent("ab" * 16, "cd" * 8, sampled=True)


class FakeExporter:
    """Keeps spans; fails with `error`, or waits for `free`, where they are set."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.error: Exception | None = None
        self.free = Event()
        self.free.set()
        self.calls = 0
        self.closed = False

    def export(self, spans: Sequence[Span]) -> None:
        self.calls += 1
        self.free.wait()
        if self.error is not None:
            raise self.error
        self.spans += spans

    def close(self) -> None:
        self.closed = True
        self.free.set()


@pytest.fixture
def exporter():
    return FakeExporter()


@pytest.fixture
def logged(caplog):
    """The fields of the events of those names so far."""
    caplog.set_level("INFO")
    return lambda *names: [record.fields for record in caplog.records if record.getMessage() in names]


@pytest.fixture
def started(exporter):
    """Starts tracers, and closes them."""
    tracers = []

    def start(**settings):
        tracer = RequestTracer(exporter, **{"ratio": 1.0, "every_seconds": 0.01, **settings})
        tracers.append(tracer)
        tracer.start()
        return tracer

    yield start
    exporter.free.set()
    for tracer in tracers:
        tracer.close()


def test_a_callers_decision_takes_precedence_over_the_ratio(exporter):
    for ratio in (0.0, 1.0):
        tracer = RequestTracer(exporter, ratio=ratio)
        taken, left = tracer.begin(CALLER, "/"), tracer.begin(CALLER._replace(sampled=False), "/")
        assert (taken.trace_id, taken.caller) == (CALLER.trace_id, CALLER)
        assert len(taken.span_id) == 16
        assert (left.trace_id, left.span_id) == (CALLER.trace_id, None)


def test_without_a_caller_the_ratio_of_requests_begins_a_trace(exporter):
    begun = {}
    for ratio in (0.0, 0.1, 1.0):
        tracer = RequestTracer(exporter, ratio=ratio, random=Random(7))
        begun[ratio] = sum(tracer.begin(None, "/fraud_detection") is not None for _ in range(2000))
    assert begun[0.0] == 0
    assert 150 < begun[0.1] < 250
    assert begun[1.0] == 2000


def test_the_traces_that_are_begun_are_those_that_opentelemetry_would_choose(exporter):
    tracer = RequestTracer(exporter, ratio=0.25, random=Random(1))
    sampler, drawn = TraceIdRatioBased(0.25), Random(1)
    for _ in range(500):
        trace_id = drawn.getrandbits(128)
        chosen = sampler.should_sample(None, trace_id, "any").decision.is_sampled()
        trace = tracer.begin(None, "/")
        assert (trace is not None) == chosen
        if chosen:
            drawn.getrandbits(64)  # the span's id
            assert int(trace.trace_id, 16) == trace_id


@pytest.mark.parametrize("path", ["/ping", "/livez", "/readyz", "/metrics"])
def test_a_probe_starts_no_trace_but_may_join_one(exporter, path):
    tracer = RequestTracer(exporter, ratio=1.0)
    assert tracer.begin(None, path) is None
    assert tracer.begin(CALLER, path).span_id is not None


def test_recorded_requests_are_exported_soon(exporter, started):
    started().record(REQUEST)
    eventually(lambda: len(exporter.spans) == 4, "the request and its three stages are exported")


def test_closing_exports_what_waits(exporter):
    tracer = RequestTracer(exporter, ratio=1.0, every_seconds=60)
    tracer.start()
    for _ in range(10):
        tracer.record(REQUEST)
    tracer.close()
    assert len(exporter.spans) == 40
    assert exporter.closed


def test_a_collector_that_hangs_holds_up_neither_requests_nor_memory(exporter, started, logged):
    exporter.free.clear()
    tracer = started()
    tracer.record(REQUEST)
    eventually(lambda: exporter.calls == 1, "an export hangs")
    for _ in range(2 * QUEUE):
        tracer.record(REQUEST)
    exporter.free.set()
    (event,) = eventually(lambda: logged("traces_lost"), "the loss is logged")
    assert event["requests"] == QUEUE
    assert event["fault"] == "more requests than can be exported; lower FRAUD_TRACES_RATIO"
    eventually(lambda: len(exporter.spans) == 4 * (QUEUE + 1), "what there was room for is exported")


def test_a_collector_that_is_down_is_reported_once_and_so_is_its_return(exporter, started, logged):
    now = [0.0]
    exporter.error = TracesNotDelivered("Connection refused")
    tracer = started(clock=lambda: now[0])
    for _ in range(5):
        calls = exporter.calls
        tracer.record(REQUEST)
        eventually(lambda calls=calls: exporter.calls > calls, "it is tried")
    (event,) = eventually(lambda: logged("traces_lost"), "the loss is logged")
    assert (event["fault"], event["requests"]) == ("Connection refused", 1)
    exporter.error = None
    tracer.record(REQUEST)
    eventually(lambda: exporter.spans, "it is exported again")
    assert not logged("traces_whole_again")
    now[0] += CALM_SECONDS
    (event,) = eventually(lambda: logged("traces_whole_again"), "the recovery is logged")
    assert event["requests_lost"] == 5
    assert len(logged("traces_lost")) == 1


def test_closing_does_not_wait_for_a_collector_that_is_down(exporter, started, logged):
    exporter.error = TracesNotDelivered("Connection refused")
    tracer = started()
    tracer.record(REQUEST)
    eventually(lambda: logged("traces_lost"), "it is known")
    exporter.free.clear()
    tracer.record(REQUEST)
    tracer.close()
    assert exporter.closed


def test_an_unexpected_error_is_logged_without_its_text_and_export_goes_on(exporter, started, logged):
    exporter.error = RuntimeError("SECRET")
    tracer = started()
    tracer.record(REQUEST)
    eventually(lambda: logged("traces_failed"), "it is logged")
    exporter.error = None
    tracer.record(REQUEST)
    eventually(lambda: exporter.spans, "the next one is exported")
    assert "SECRET" not in json.dumps(logged("traces_failed", "traces_lost"))
