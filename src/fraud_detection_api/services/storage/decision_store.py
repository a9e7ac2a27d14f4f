"""The store of decisions, its exclusive locks and its upkeep, as the services use them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.label import LabelState
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


class Traits(NamedTuple):
    """Conditions that no index serves: all that is not None must hold.

    `label` is the state by the label in force, `model` the version that decided, `reason` the code of a stored reason and
    `warning` that of a stored warning. `members` are of the record's JSON, such as `"terminal":17`.
    """

    label: LabelState | None = None
    model: str | None = None
    min_risk_score: int | None = None
    max_risk_score: int | None = None
    reason: str | None = None
    warning: str | None = None
    members: tuple[str, ...] = ()


class Searched(NamedTuple):
    """Decisions that were found, newest first, and the last that was looked at if there may be others before it."""

    rows: list[StoredDecision]
    reached: str | None


class DecisionStore(Protocol):
    """Stores every decision. Any thread may call each method, which raises StoreUnavailable when the store cannot work."""

    def migrate(self) -> None:
        """Bring the store's tables up to this version of the software; refuse a store of a newer version."""

    def check(self) -> None:
        """Write something, durably: nothing less proves that a decision can be stored."""

    def contract(self) -> str | None:
        """The name of the contract whose decisions it stores; None before the first claim."""

    def claim(self, contract: str) -> str:
        """Give the store to this contract, unless it has one; returns the one that it has then, to all the same."""

    def save(self, requests: Sequence[StoredRequest]) -> list[StoredAnswer | None]:
        """Store all requests' decisions in one transaction, durably, before returning.

        Where a request's idempotency key is taken, store nothing of the request and return the answer stored under the key.
        Decisions whose id is stored already stay as they are, so that a doubtful write can be repeated.
        """

    def save_while(self, goes_on: Callable[[], bool], requests: Sequence[StoredRequest]) -> int:
        """Store the first requests, which have no keys, in one transaction: one, and others while `goes_on()` after each.

        Returns how many, once they are durable.
        """

    def find_answer(self, key: IdempotencyKey) -> StoredAnswer | None:
        """The answer stored under that caller's key, whatever the body's digest."""

    def find(self, decision_id: str) -> StoredDecision:
        """The decision with that id. Raises UnknownDecision."""

    def find_each(self, decision_ids: Sequence[str]) -> list[StoredDecision]:
        """Those of the decisions that are stored, in the order of their ids as given."""

    def page(self, where: DecisionFilter, *, limit: int, before: str | None = None) -> list[StoredDecision]:
        """The newest decisions, newest first; those before a decision's id, if one is given."""

    def search(
        self, where: DecisionFilter, traits: Traits, *, limit: int, among: int, before: str | None = None
    ) -> Searched:
        """The newest that have the traits, of the newest `among` decisions that `page` lists.

        If the label must be fraud or legitimate and the filter has no entity and no outcome, those are labelled decisions.
        """

    def following(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[StoredDecision]:
        """The oldest decisions, oldest first; those after a decision's id, if one is given."""

    def ids(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[str]:
        """Ids of the decisions that `following` returns. With an outcome in the filter, this reads an index and no row."""

    def count(self, where: DecisionFilter, *, most: int) -> int:
        """How many decisions match, counted up to `most`. With an outcome in the filter, this reads an index and no row."""

    def close(self) -> None:
        """Release connections. What is stored does not depend on it."""


class ExclusiveLock(Protocol):
    """Gives a name to one holder at a time; its death frees the name. Raises StoreUnavailable when the store cannot work."""

    def held(self, name: str) -> AbstractContextManager[bool]:
        """Hold the name within the block. Gives False where another holds it; never waits. Names are lower-case letters."""

    def require(self, name: str) -> None:
        """Raise StoreUnavailable if this object no longer holds the name because the connection was lost."""


class StoreSummary(NamedTuple):
    """What a store holds. Times are milliseconds since 1970; `free_bytes` of the size are free for new rows.

    `contract` is the name of the contract that the store belongs to; None before a model was served with it.
    """

    revision: str
    contract: str | None
    by_outcome: Mapping[Outcome, int]
    first: int | None
    last: int | None
    labels: int
    idempotency_keys: int
    events: int
    size_bytes: int
    free_bytes: int


class Older(NamedTuple):
    """How many decisions and events are older than a time."""

    decisions: int
    events: int


class FileSize(NamedTuple):
    """Size of a store's files, in bytes."""

    size_bytes: int
    free_bytes: int


class StoreFiles(Protocol):
    """The files of a store, beside the servers that use it. Raises StoreUnavailable when the store cannot work."""

    def exists(self) -> bool:
        """Whether there is a database; looking creates none."""

    def size(self) -> FileSize:
        """The size of all files together."""

    def scrub(self) -> None:
        """Erase removed rows from the files, as far as that does not hold up writers for long."""

    def traces(self, text: str) -> int:
        """How often the files still hold a text; 0 if the files cannot be read."""

    def compact(self) -> None:
        """Rewrite the files without free space. Writers wait meanwhile."""

    def problems(self) -> list[str]:
        """What is wrong with the files, a line each."""

    def backup(self, target: Path) -> None:
        """Write a verified copy of one moment, while others write to the store; all or nothing. Raises BackupFailed."""

    def restore(self, source: Path, *, replace: bool) -> None:
        """Replace the store by a backup, all or nothing. Raises BackupFailed if a process uses it, or unless `replace`."""


class StoreUpkeep(Protocol):
    """Looks after a store, beside the servers that use it. Raises StoreUnavailable when the store cannot work.

    Each call removes rows in one transaction, so `limit` bounds how long writers wait.
    """

    @property
    def files(self) -> StoreFiles:
        """The store's files."""

    def revision(self) -> str | None:
        """The revision of the store's tables, None if there are none; looking creates none."""

    def require_ready(self) -> None:
        """Raise StoreUnavailable unless the store's tables are those of this version of the software."""

    def summary(self) -> StoreSummary:
        """Counts, times and sizes."""

    def count_older(self, before: int) -> Older:
        """How many decisions were made, and events recorded, before that time."""

    def remove_older(self, before: int, *, limit: int) -> int:
        """Remove the oldest decisions made before that time, with their labels; returns the number of decisions."""

    def remove_events(self, before: int, *, limit: int) -> int:
        """Remove the oldest events recorded before that time; returns their number."""

    def remove_keys(self, before: int, *, limit: int) -> int:
        """Remove idempotency keys stored before that time, with their answers; returns their number."""

    def ids_about(self, entities: Sequence[str]) -> list[str]:
        """The decisions about these entities, found in the table itself: somebody may have changed an index."""

    def erase(self, erased: Sequence[StoredDecision]) -> None:
        """Store these rows without an entity, and remove what else was stored: answers, labels' notes, shadow decisions."""

    def events_about(self, entities: Sequence[str], *, limit: int) -> list[StoredEvent]:
        """The first events about these entities, found in the table itself."""

    def erase_events(self, erased: Sequence[StoredEvent]) -> None:
        """Store these rows without an entity."""

    def close(self) -> None:
        """Release connections."""
