"""Spans reach a collector as OTLP over HTTP; OpenTelemetry's own variables say the rest."""

import builtins
import socket

import pytest

from fraud_detection_api.adapters.otlp import OtlpExporter, collector_url
from fraud_detection_api.errors import MissingExtra, TracesNotDelivered
from fraud_detection_api.trace_context import Span
from support.collector import collecting

SERVER = Span("ab" * 16, "cd" * 8, "ef" * 8, "rojo=1", "POST /x", 1_000, 3_000, {"a": 1, "b": "é"}, from_caller=True)
PART = Span("ab" * 16, "12" * 8, "cd" * 8, "rojo=1", "parse", 1_500, 2_000, {})


@pytest.fixture
def exporter_to(monkeypatch):
    """Exporters to a URL, where these variables are set."""
    exporters = []

    def make(url, **variables):
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        exporters.append(OtlpExporter(url))
        return exporters[-1]

    yield make
    for exporter in exporters:
        exporter.close()


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://otel.example/ingest", "https://otel.example/ingest/v1/traces"),
        ("https://otel.example/ingest/v1/traces", "https://otel.example/ingest/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_spans_go_to_the_collectors_usual_path(address, url):
    assert collector_url(address) == url


@pytest.mark.parametrize(
    "address",
    [
        *("", "collector:4318", "//collector", "ftp://collector", "http://", "http://:4318", "http://collector:port"),
        *("http://collector:99999", "http://user:s3cret@collector", "http://collector?key=s3cret", "http://a/#s3cret"),
        *("http://collector\n", "http://[::1"),
    ],
)
def test_what_is_no_address_is_refused_and_not_shown(address):
    with pytest.raises(ValueError, match=r"^a collector's address is like otlp:http://127.0.0.1:4318, ") as caught:
        collector_url(address)
    assert "s3cret" not in str(caught.value)


def test_a_span_arrives_as_it_is(exporter_to):
    with collecting() as collector:
        exporter_to(collector_url(collector.url)).export([SERVER, PART])
    server, part = collector.spans
    assert (server.trace_id, server.span_id, server.parent_id) == (SERVER.trace_id, SERVER.span_id, SERVER.parent_id)
    assert (server.name, server.kind, server.start, server.end) == ("POST /x", "SERVER", 1_000, 3_000)
    assert (server.attributes, server.tracestate, server.failed) == ({"a": 1, "b": "é"}, "rojo=1", False)
    assert (part.parent_id, part.kind, part.attributes) == (server.span_id, "INTERNAL", {})
    assert [path for path, _ in collector.requests] == ["/v1/traces"]


def test_what_begins_a_trace_is_the_servers_and_a_failure_is_marked(exporter_to):
    with collecting() as collector:
        exporter_to(collector_url(collector.url)).export(
            [SERVER._replace(parent_id=None, from_caller=False, failed=True)]
        )
    (server,) = collector.spans
    assert (server.parent_id, server.kind, server.failed) == (None, "SERVER", True)


def test_the_service_is_named_unless_the_operator_names_it(exporter_to):
    with collecting() as collector:
        exporter_to(collector_url(collector.url)).export([SERVER])
        given = {"OTEL_SERVICE_NAME": "cards", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
        exporter_to(collector_url(collector.url), **given).export([SERVER])
    ours, theirs = (span.resource for span in collector.spans)
    assert ours["service.name"] == "fraud-detection-api"
    assert ours["service.version"]
    assert (theirs["service.name"], theirs["deployment.environment.name"]) == ("cards", "test")
    assert ours["service.instance.id"] != theirs["service.instance.id"]


def test_opentelemetrys_variables_say_where_and_how(exporter_to):
    with collecting() as collector:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=k-1",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
        exporter_to(None, **variables).export([SERVER])
    ((path, headers),) = collector.requests
    assert (path, headers["api-key"], headers["Content-Encoding"]) == ("/v1/traces", "k-1", "gzip")
    assert len(collector.spans) == 1


def test_a_collector_that_refuses_is_reported_with_its_reason_and_nowhere_else(exporter_to, caplog, capfd):
    with collecting(status=404) as collector, pytest.raises(TracesNotDelivered, match="404"):
        exporter_to(collector_url(collector.url)).export([SERVER])
    assert not caplog.records
    assert capfd.readouterr().err == ""


def test_a_collector_that_is_unavailable_is_tried_again_until_the_time_is_up(exporter_to, caplog):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1/traces"
    with pytest.raises(TracesNotDelivered, match="refused"):
        exporter_to(url, OTEL_EXPORTER_OTLP_TIMEOUT="2").export([SERVER])
    assert not caplog.records


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    imported = builtins.__import__

    def absent(name, *rest, **named):
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return imported(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(MissingExtra, match=r"^FRAUD_TRACES needs the optional extra 'tracing': pip install"):
        OtlpExporter("http://127.0.0.1:1/v1/traces")
