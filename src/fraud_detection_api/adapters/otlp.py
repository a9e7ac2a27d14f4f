"""Sends spans to an OpenTelemetry collector by OTLP over HTTP; the only module that imports OpenTelemetry."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from fraud_detection_api import __version__
from fraud_detection_api.errors import MissingExtra, TracesNotDelivered
from fraud_detection_api.trace_context import Span

SERVICE = "fraud-detection-api"
_PATH = "/v1/traces"
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_LONGEST_REASON = 300


def collector_url(address: str) -> str:
    """The URL that spans are posted to, from a collector's address. Raises ValueError.

    >>> collector_url("http://127.0.0.1:4318")
    'http://127.0.0.1:4318/v1/traces'
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment or not address.isprintable():
        advice = "set headers, such as a key, with OTEL_EXPORTER_OTLP_HEADERS"
        raise ValueError(f"a collector's address is like otlp:http://127.0.0.1:4318, without a user or query; {advice}")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith(_PATH) else path + _PATH}"


class OtlpExporter:
    """Posts spans to `url`; if that is None, to the address in OpenTelemetry's own variables.

    Those variables also set headers, certificates, compression, the timeout of a delivery, and the name of the service.
    Raises MissingExtra without the extra `tracing`.
    """

    def __init__(self, url: str | None) -> None:
        try:
            from opentelemetry import trace  # noqa: PLC0415 an optional library
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import ReadableSpan, export  # noqa: PLC0415
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtra("tracing", "FRAUD_TRACES") from error
        self._trace, self._readable_span, self._delivered = trace, ReadableSpan, export.SpanExportResult.SUCCESS
        self._reason = _FirstLine()
        # each failed attempt would log a line or several
        logger = logging.getLogger(_EXPORTER)
        logger.handlers, logger.propagate = [self._reason], False
        about = {"service.name": SERVICE, "service.version": __version__, "service.instance.id": str(uuid4())}
        # what the operator sets takes precedence
        self._resource = Resource.create(about).merge(OTELResourceDetector().detect())
        self._scope = InstrumentationScope(SERVICE, __version__)
        self._exporter = OTLPSpanExporter(endpoint=url)
        self._unset, self._failed = trace.Status(trace.StatusCode.UNSET), trace.Status(trace.StatusCode.ERROR)
        self._sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        self._state_of = lru_cache(maxsize=64)(lambda text: trace.TraceState.from_header([text]))

    def export(self, spans: Sequence[Span]) -> None:
        """Post spans, with retries until the timeout of a delivery. Raises TracesNotDelivered."""
        self._reason.text = ""
        done = self._exporter.export([self._readable(span) for span in spans])
        if done is not self._delivered:
            raise TracesNotDelivered(self._reason.text or "the collector did not accept the spans")

    def close(self) -> None:
        """Close the connection, and end a delivery that is being retried."""
        self._exporter.shutdown()

    def _readable(self, span: Span) -> Any:
        """The span as the library's exporter reads it; the library's own spans take ten times as long to make."""
        kind = self._trace.SpanKind
        of_server = span.from_caller or span.parent_id is None
        return self._readable_span(
            span.name,
            self._context(span, span.span_id, remote=False),
            parent=None if span.parent_id is None else self._context(span, span.parent_id, remote=span.from_caller),
            resource=self._resource,
            attributes=span.attributes,
            kind=kind.SERVER if of_server else kind.INTERNAL,
            status=self._failed if span.failed else self._unset,
            start_time=span.start,
            end_time=span.end,
            instrumentation_scope=self._scope,
        )

    def _context(self, span: Span, span_id: str, *, remote: bool) -> Any:
        state = self._state_of(span.tracestate) if span.tracestate else None
        return self._trace.SpanContext(int(span.trace_id, 16), int(span_id, 16), remote, self._sampled, state)


class _FirstLine(logging.Handler):
    """Keeps the first line that the library logs during an export: if the export fails, the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = self.text or record.getMessage()[:_LONGEST_REASON]
