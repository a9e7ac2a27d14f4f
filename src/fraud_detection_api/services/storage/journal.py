"""The journal that takes decisions while the store is unavailable."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.stored import StoredRequest


class JournalBacklog(NamedTuple):
    """Files with decisions that are not in the store yet. `damaged` files are in it, but for lines that cannot be read."""

    files: int
    size_bytes: int
    damaged: int


class DecisionJournal(Protocol):
    """Holds decisions while the store is unavailable. One process writes; any process may drain."""

    def check(self) -> None:
        """Raise StoreUnavailable if nothing can be written."""

    def append(self, requests: Sequence[StoredRequest]) -> None:
        """Write the requests, durably, before returning. Raises StoreUnavailable."""

    def waiting(self) -> Iterator[Sequence[StoredRequest]]:
        """What was written, in batches; asking for the next batch removes the one before.

        Includes what killed processes left behind. A batch may come twice, but none is lost.
        """

    def put_aside(self, requests: Sequence[StoredRequest]) -> None:
        """Write requests that the store refuses, durably, for a person to look at. Raises StoreUnavailable."""

    def backlog(self) -> JournalBacklog:
        """What waits, of all processes. Raises StoreUnavailable."""

    def close(self) -> None:
        """Close files. Their content stays."""
