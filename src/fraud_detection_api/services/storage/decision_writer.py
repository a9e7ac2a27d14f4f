"""What stores decisions before they are answered, as the routes use it."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from fraud_detection_api.decision.stored import SealedRequest, StoredAnswer

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

    def submit(self, requests: Sequence[SealedRequest], done: Callable[[Sequence[Result]], None]) -> None:
        """Store the requests, then call `done` in the event loop with a result for each."""
