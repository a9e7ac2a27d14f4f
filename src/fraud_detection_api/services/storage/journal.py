"""The journal that decisions go to while the store is unavailable."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.stored import StoredRequest


class JournalBacklog(NamedTuple):
    """Files of decisions that are not in the store yet. `damaged` ones were drained but for lines that cannot be read."""

    files: int
    size_bytes: int
    damaged: int


class DecisionJournal(Protocol):
    """Where decisions wait while the store is away. One writer; what it has written is read by whoever drains it."""

    def check(self) -> None:
        """Raise StoreUnavailable where nothing could be written down."""
        ...

    def append(self, requests: Sequence[StoredRequest]) -> None:
        """Write them down, durably, before returning. Raises StoreUnavailable."""
        ...

    def waiting(self) -> Iterator[Sequence[StoredRequest]]:
        """What was written down, in pieces; a piece is forgotten once the next one is asked for.

        Includes what processes that were killed left behind. A piece may come twice, never not at all.
        """
        ...

    def put_aside(self, requests: Sequence[StoredRequest]) -> None:
        """Write down, durably, what no store takes, for a person to look at. Raises StoreUnavailable."""
        ...

    def backlog(self) -> JournalBacklog:
        """What waits, of all processes. Raises StoreUnavailable."""
        ...

    def close(self) -> None:
        """Let go of files. What they hold stays."""
        ...
