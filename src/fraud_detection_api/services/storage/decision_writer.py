"""What stores decisions before they are answered, and the journal that takes them while the store is unavailable."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeAlias

from fraud_detection_api.decision.stored import StoredAnswer, StoredRequest

Result: TypeAlias = StoredAnswer | Exception | None
"""The result for a request: stored (None), answered before under its idempotency key, or failed."""


class DecisionWriter(Protocol):
    """Stores decisions before they are answered. Only the thread of one event loop may use it."""

    @property
    def error(self) -> str | None:
        """Why nothing can be stored now; None when decisions can be stored."""

    @property
    def waiting(self) -> int:
        """Records that were submitted and whose result is not known yet."""

    async def start(self) -> None:
        """Get ready. What is not ready afterwards keeps trying, and is an `error` meanwhile."""

    async def close(self) -> None:
        """Finish what was submitted."""

    def require_room(self) -> None:
        """Raise StoreUnavailable when nothing can be stored now, StoreBusy when too much is waiting."""

    def submit(
        self,
        requests: Sequence[StoredRequest],
        done: Callable[[Sequence[Result]], None],
        *,
        seconds: float | None = None,
    ) -> None:
        """Store the requests, then call `done` in the event loop with a result for each, in limited time.

        What the store does not take within `seconds` goes to the journal, where there is one.
        """


class JournalBacklog(NamedTuple):
    """Files with decisions that are not in the store yet. `damaged` files are in it, but for lines that cannot be read."""

    files: int
    size_bytes: int
    damaged: int

    @classmethod
    def of(cls, journals: "Iterable[DecisionJournal]") -> "JournalBacklog":
        """Of all of them. Raises StoreUnavailable."""
        return cls(*map(sum, zip(*(journal.backlog() for journal in journals), strict=True)))


class Held(Protocol):
    """Requests that the journal holds while they are stored: removed in the end, left to be drained after a failure."""

    def add(self, request: StoredRequest) -> None:
        """Write one more; it counts for nothing before `complete`."""

    def complete(self) -> None:
        """All is written, and durable once this returns."""


class DecisionJournal(Protocol):
    """Holds decisions while the store is unavailable. One process writes; any process may drain."""

    def check(self) -> None:
        """Raise StoreUnavailable if nothing can be written."""

    def append(self, requests: Sequence[StoredRequest]) -> None:
        """Write the requests, durably, before returning. Raises StoreUnavailable."""

    def holding(self) -> AbstractContextManager["Held"]:
        """For what the block stores piece by piece. Raises StoreUnavailable, and Held's methods do."""

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
