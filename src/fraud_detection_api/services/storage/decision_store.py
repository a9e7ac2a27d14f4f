"""The store of decisions and its exclusive locks, as the services use them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
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


class ExclusiveLock(Protocol):
    """Gives a name to one holder at a time; its death frees the name. Raises StoreUnavailable when the store cannot work."""

    def held(self, name: str) -> AbstractContextManager[bool]:
        """Hold the name within the block. Gives False where another holds it; never waits. Names are lower-case letters."""

    def require(self, name: str) -> None:
        """Raise StoreUnavailable if this object no longer holds the name because the connection was lost."""
