"""The store of events that are no decisions, as the services use it."""

from collections.abc import Sequence
from typing import Protocol

from fraud_detection_api.decision.event import StoredEvent


class EventStore(Protocol):
    """Stores events beside the decisions, in the order of the store's log. Raises StoreUnavailable when it cannot work."""

    def record(self, events: Sequence[StoredEvent]) -> int:
        """Store those whose `external_id` is new, in one transaction; returns how many were.

        Of several with one `external_id`, the first is stored.
        """
