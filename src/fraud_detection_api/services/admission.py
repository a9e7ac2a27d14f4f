"""How much work one process takes on at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from fraud_detection_api.errors import Overloaded

RETRY_AFTER_SECONDS = 1


class AdmissionGate:
    """Lets at most `limit` requests in; more are turned away at once, because a queue only hides the overload."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place while the block runs. Raises Overloaded where none is free. For one event loop's thread only."""
        if self.in_flight >= self._limit:
            raise Overloaded(RETRY_AFTER_SECONDS)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
