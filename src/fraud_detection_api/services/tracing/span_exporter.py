"""What delivers spans to a trace collector, as the tracer uses it."""

from collections.abc import Sequence
from typing import Protocol

from fraud_detection_api.trace_context import Span


class SpanExporter(Protocol):
    """Delivers spans to a collector. Only one thread may use it, except for `close`."""

    def export(self, spans: Sequence[Span]) -> None:
        """Deliver spans, which may take seconds. Raises TracesNotDelivered, and the spans are lost."""

    def close(self) -> None:
        """Release connections, and end a delivery that is being retried."""
