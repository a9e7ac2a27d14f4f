"""What stores decisions before they are answered, as the routes use it."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from fraud_detection_api.decision.stored import SealedRequest, StoredAnswer

Result: TypeAlias = StoredAnswer | Exception | None
"""What became of a request: kept (None), answered before under its idempotency key, or failed."""


class DecisionWriter(Protocol):
    """Has decisions kept before they are answered. For one event loop's thread only."""

    @property
    def fault(self) -> str | None:
        """Why nothing can be kept now; None where it can."""
        ...

    @property
    def waiting(self) -> int:
        """Records that were submitted and of which nothing is known yet."""
        ...

    async def start(self) -> None:
        """Get ready. What is not ready afterwards becomes so by itself, or is a fault."""
        ...

    async def close(self) -> None:
        """Finish what was submitted."""
        ...

    def require_room(self) -> None:
        """Raise StoreUnavailable where nothing can be kept now, StoreBusy where too much waits."""
        ...

    def submit(self, requests: Sequence[SealedRequest], done: Callable[[Sequence[Result]], None]) -> None:
        """Have all of them kept; `done` is then called with a result for each, in the event loop."""
        ...
