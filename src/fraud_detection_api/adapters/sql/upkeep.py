"""StoreUpkeep in SQL; what is about files is left to the kind of database."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.adapters.sql.decision_table import DECISIONS
from fraud_detection_api.adapters.sql.decisions import REVISIONS, revision_of
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.storage.store_upkeep import StoreSummary

_BY_OUTCOME = "SELECT outcome, count(*) FROM decisions GROUP BY outcome"
_END = "SELECT decided_at FROM decisions ORDER BY decision_id {order} LIMIT 1"
_COUNT_LABELS = "SELECT count(*) FROM labels"
_COUNT_KEYS = "SELECT count(*) FROM idempotency_keys"
_COUNT_OLDER = "SELECT count(*) FROM decisions WHERE decision_id < ?"

_OLDEST = "SELECT decision_id FROM decisions WHERE decision_id < ? ORDER BY decision_id LIMIT ?"
_REMOVE = "DELETE FROM decisions WHERE decision_id <= ?"  # and, as the tables have it, their labels and shadows

_REMOVE_KEYS = """
DELETE FROM idempotency_keys WHERE (caller, idempotency_key) IN
  (SELECT caller, idempotency_key FROM idempotency_keys WHERE kept_at < ? ORDER BY kept_at LIMIT ?)"""

_ERASE_NOTES = "UPDATE labels SET note = '' WHERE decision_id = ?"

# the decision has to be kept, what a challenger would have said of that person has not
_ERASE_SHADOWS = "DELETE FROM shadow_decisions WHERE decision_id = ?"

# a caller is a part of the key that decisions do not have; there are few, so each is found by a step through the index
_CALLERS = """
WITH RECURSIVE callers (caller) AS (
  SELECT min(caller) FROM idempotency_keys
  UNION ALL
  SELECT (SELECT min(caller) FROM idempotency_keys WHERE caller > callers.caller) FROM callers WHERE caller IS NOT NULL
) SELECT caller FROM callers WHERE caller IS NOT NULL"""

_REMOVE_KEY = "DELETE FROM idempotency_keys WHERE caller = ? AND idempotency_key = ?"


class Size(NamedTuple):
    """Of the files, in bytes."""

    size_bytes: int
    free_bytes: int


class Storage(Protocol):
    """A database's files. The methods are those of StoreUpkeep."""

    def exists(self) -> bool:
        """Whether there is a database; looking makes none."""
        ...

    def size(self) -> Size: ...
    def scrub(self) -> None: ...
    def traces(self, text: str) -> int: ...
    def compact(self) -> None: ...
    def faults(self) -> list[str]: ...
    def backup(self, target: Path) -> None: ...
    def restore(self, source: Path, *, replace: bool) -> None: ...


class SqlStoreUpkeep:
    """Looks after the decisions in `database`, whose files are `storage`."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage
        self.scrub, self.traces, self.compact, self.faults = (
            storage.scrub,
            storage.traces,
            storage.compact,
            storage.faults,
        )
        self.backup, self.restore, self.close = storage.backup, storage.restore, database.close

    def revision(self) -> str | None:
        return revision_of(self._database) if self._storage.exists() else None

    def require_ready(self) -> None:
        revision = self.revision()
        if revision is None:
            raise StoreUnavailable("there is no decision store yet: a server, or `fraud store migrate`, makes it")
        if revision != REVISIONS[-1]:
            raise StoreUnavailable("the decision store is of an earlier version: run `fraud store migrate`")

    def summary(self) -> StoreSummary:
        with self._database.reading() as session:
            counts: dict[str, int] = dict(session.rows(_BY_OUTCOME))
            ends = [session.rows(_END.format(order=order)) for order in ("ASC", "DESC")]
            labels, keys = (session.rows(count)[0][0] for count in (_COUNT_LABELS, _COUNT_KEYS))
        first, last = (rows[0][0] if rows else None for rows in ends)
        by_outcome = {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}
        return StoreSummary(REVISIONS[-1], by_outcome, first, last, labels, keys, *self._storage.size())

    def count_older(self, before: int) -> int:
        with self._database.reading() as session:
            return int(session.rows(_COUNT_OLDER, (_first_id(before),))[0][0])

    def remove_older(self, before: int, *, limit: int) -> int:
        with self._database.writing() as session:
            oldest = session.rows(_OLDEST, (_first_id(before), limit))
            return session.change(_REMOVE, oldest[-1]) if oldest else 0

    def remove_keys(self, before: int, *, limit: int) -> int:
        with self._database.writing() as session:
            return session.change(_REMOVE_KEYS, (before, limit))

    def erase(self, erased: Sequence[StoredDecision]) -> None:
        keys = {row.idempotency_key for row in erased} - {None}
        with self._database.writing() as session:
            DECISIONS.erase(session, erased)
            for statement in (_ERASE_NOTES, _ERASE_SHADOWS):
                session.change_each(statement, [(uuid_bytes(row.decision_id),) for row in erased])
            if keys:
                callers = session.rows(_CALLERS)
                session.change_each(_REMOVE_KEY, [(caller, key) for (caller,) in callers for key in keys])


def _first_id(milliseconds: int) -> bytes:
    return uuid_bytes(first_uuid7(milliseconds))
