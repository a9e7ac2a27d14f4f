"""An OpenTelemetry collector within the test's own process: takes OTLP over HTTP, and keeps the spans that it was told."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.listening import listening


@dataclass(frozen=True)
class CollectedSpan:
    """A span as it came over the wire; ids in hex, None for no parent, times in nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    start: int
    end: int
    attributes: dict[str, Any]
    failed: bool
    tracestate: str
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was posted to `url`, which answers with `status`: spans, bodies as they came, and paths with headers."""

    url: str = ""
    status: int = 200
    spans: list[CollectedSpan] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def named(self, name: str) -> list[CollectedSpan]:
        return [span for span in self.spans if span.name == name]

    def parts_of(self, parent: CollectedSpan) -> list[CollectedSpan]:
        """The spans that are parts of a span, by the time at which they began."""
        found = [span for span in self.spans if (span.trace_id, span.parent_id) == (parent.trace_id, parent.span_id)]
        return sorted(found, key=lambda span: span.start)


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    """A collector on a free port, while the block runs."""
    collector = Collector(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests.append((self.path, dict(self.headers)))
            if collector.status == 200:
                assert self.headers["Content-Type"] == "application/x-protobuf"
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                collector.bodies.append(body)
                collector.spans += parsed(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with listening(Handler) as port:
        collector.url = f"http://127.0.0.1:{port}"
        yield collector


def parsed(body: bytes) -> list[CollectedSpan]:
    """The spans of a post."""
    return [
        CollectedSpan(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex() or None,
            name=span.name,
            kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            attributes=_attributes(span),
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
            tracestate=span.trace_state,
            resource=_attributes(told.resource),
        )
        for told in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in told.scope_spans
        for span in scope.spans
    ]


def _attributes(holder: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes}
