"""The store of decisions, as the services use it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.stored import IdempotencyKey, StoredAnswer, StoredDecision, StoredRequest
from fraud_detection_api.policy.outcomes import Outcome


class DecisionFilter(NamedTuple):
    """A condition on stored decisions: all that is not None must hold.

    Times are milliseconds since 1970, `since` included and `until` not. `entity` is written as it is stored.
    """

    since: int | None = None
    until: int | None = None
    entity: str | None = None
    outcome: Outcome | None = None


class DecisionStore(Protocol):
    """Stores every decision. Any thread may call each method, which raises StoreUnavailable when the store cannot work."""

    def migrate(self) -> None:
        """Bring the store's tables up to this version of the software; refuse a store of a newer version."""

    def check(self) -> None:
        """Write something, durably: nothing less proves that a decision can be stored."""

    def save(self, requests: Sequence[StoredRequest]) -> list[StoredAnswer | None]:
        """Store all requests' decisions in one transaction, durably, before returning.

        Where a request's idempotency key is taken, store nothing of the request and return the answer stored under the key.
        Decisions whose id is stored already stay as they are, so that a doubtful write can be repeated.
        """

    def find_answer(self, key: IdempotencyKey) -> StoredAnswer | None:
        """The answer stored under that caller's key, whatever the body's digest."""

    def find(self, decision_id: str) -> StoredDecision:
        """The decision with that id. Raises UnknownDecision."""

    def page(self, where: DecisionFilter, *, limit: int, before: str | None = None) -> list[StoredDecision]:
        """The newest decisions, newest first; those before a decision's id, if one is given."""

    def following(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[StoredDecision]:
        """The oldest decisions, oldest first; those after a decision's id, if one is given."""

    def ids(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[str]:
        """Ids of the decisions that `following` returns. With an outcome in the filter, this reads an index and no row."""

    def close(self) -> None:
        """Release connections. What is stored does not depend on it."""
