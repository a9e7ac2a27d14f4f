"""What delivers spans to a trace collector, as the tracer uses it."""

from collections.abc import Sequence
from typing import Protocol

from fraud_detection_api.trace_context import Span


class SpanExporter(Protocol):
    """Takes spans to where traces are looked at. For one thread only, but for `close`."""

    def export(self, spans: Sequence[Span]) -> None:
        """Deliver them; may take seconds. Raises TracesNotDelivered; they are lost then."""
        ...

    def close(self) -> None:
        """Let go of connections, and of a delivery that is being tried again."""
        ...
