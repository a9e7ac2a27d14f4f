"""How much work one process takes on at a time."""

from fraud_detection_api.errors import Overloaded

RETRY_AFTER_SECONDS = 1


class AdmissionGate:
    """Lets at most `limit` requests in; more are turned away at once, because a queue only hides the overload.

    A context manager: a place is held while the block runs. Entering raises Overloaded where none is free. For one event
    loop's thread only.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_flight = 0

    def __enter__(self) -> None:
        if self.in_flight >= self._limit:
            raise Overloaded(RETRY_AFTER_SECONDS)
        self.in_flight += 1

    def __exit__(self, *_error: object) -> None:
        self.in_flight -= 1
