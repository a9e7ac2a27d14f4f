"""The store of decisions, as the services use it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer, StoredDecision, StoredRequest
from fraud_detection_api.policy.outcomes import Outcome


class DecisionFilter(NamedTuple):
    """Which decisions are looked for: all conditions that are not None hold. Times are milliseconds since 1970."""

    since: int | None = None
    until: int | None = None
    entity: str | None = None
    outcome: Outcome | None = None


class DecisionStore(Protocol):
    """Keeps every decision. Each method may be called from any thread and raises StoreUnavailable where it cannot work."""

    def migrate(self) -> None:
        """Bring the store's tables up to this version of the software; refuse a store of a newer one."""
        ...

    def check(self) -> None:
        """Write something, durably: the only proof that a decision could be kept."""
        ...

    def keep(self, requests: Sequence[StoredRequest]) -> list[StoredAnswer | None]:
        """Keep all requests' decisions in one transaction, durably, before returning.

        For a request whose idempotency key is taken nothing is kept, and the answer stored under the key is returned in its
        place. Decisions that are kept already (by their id) are left as they are, so that a doubtful write can be repeated.
        """
        ...

    def recall(self, key: IdempotencyKey) -> StoredAnswer | None:
        """What was answered under that caller's key, whatever the body's digest."""
        ...

    def find(self, decision_id: str) -> StoredDecision:
        """Raises UnknownDecision."""
        ...

    def page(self, wanted: DecisionFilter, *, limit: int, before: str | None = None) -> list[StoredDecision]:
        """The newest that are wanted, newest first; of those before a decision's id, where one is given."""
        ...

    def following(self, wanted: DecisionFilter, *, limit: int, after: str | None = None) -> list[StoredDecision]:
        """The oldest that are wanted, oldest first; of those after a decision's id, where one is given."""
        ...

    def ids(self, wanted: DecisionFilter, *, limit: int, after: str | None = None) -> list[str]:
        """Ids of the decisions that `following` gives. Where an outcome is wanted, no row is read for them."""
        ...

    def close(self) -> None:
        """Let go of connections. Nothing that was kept depends on it."""
        ...
