"""StoreUpkeep in SQL."""

from collections.abc import Sequence

from fraud_detection_api.adapters.sql.cases import close_cases, erase_verdict_notes, remove_golden
from fraud_detection_api.adapters.sql.database import Database, Session, alone, no_store_in
from fraud_detection_api.adapters.sql.decisions import DECISIONS, REVISIONS, contract_of, revision_of
from fraud_detection_api.adapters.sql.events import erase_events, events_about
from fraud_detection_api.adapters.sql.labels import sealed_labels
from fraud_detection_api.adapters.sql.log import ENTER
from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes, uuid_text
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.storage.decision_store import Older, StoreFiles, StoreSummary

_BY_OUTCOME = "SELECT outcome, count(*) FROM decisions GROUP BY outcome"
_END = "SELECT decided_at FROM decisions ORDER BY decision_id {order} LIMIT 1"
_COUNT_LABELS = "SELECT count(*) FROM labels"
_COUNT_KEYS = "SELECT count(*) FROM idempotency_keys"
_COUNT_EVENTS = "SELECT count(*) FROM events"
_COUNT_OLDER = """
SELECT (SELECT count(*) FROM decisions WHERE decision_id < ?), (SELECT count(*) FROM events WHERE event_id < ?)"""

# one statement: each row that it removes gets a tombstone. The tables cascade this to labels, shadows, cases and verdicts
_REMOVE = """
DELETE FROM {table} WHERE {id_} IN (SELECT {id_} FROM {table} WHERE {id_} < ? ORDER BY {id_} LIMIT ?) RETURNING {id_}"""

_REMOVE_KEYS = """
DELETE FROM idempotency_keys WHERE (caller, idempotency_key) IN
  (SELECT caller, idempotency_key FROM idempotency_keys WHERE kept_at < ? ORDER BY kept_at LIMIT ?)"""

# the table itself: its own key on SQLite, where NOT INDEXED still takes an index that covers; an expression on PostgreSQL
_ABOUT = "SELECT decision_id FROM decisions {by} WHERE entity || '' IN ({marks})"
_BY = {"sqlite": "INDEXED BY sqlite_autoindex_decisions_1", "postgresql": ""}

_ERASE_NOTE = "UPDATE labels SET note = '', seal = ? WHERE label_id = ?"

# the decision must stay, but not what a challenger would have decided about that person
_ERASE_SHADOWS = "DELETE FROM shadow_decisions WHERE decision_id = ?"

# decisions do not hold the caller, which is part of a key; callers are few, so each takes one step through the index
_CALLERS = """
WITH RECURSIVE callers (caller) AS (
  SELECT min(caller) FROM idempotency_keys
  UNION ALL
  SELECT (SELECT min(caller) FROM idempotency_keys WHERE caller > callers.caller) FROM callers WHERE caller IS NOT NULL
) SELECT caller FROM callers WHERE caller IS NOT NULL"""

_REMOVE_KEY = "DELETE FROM idempotency_keys WHERE caller = ? AND idempotency_key = ?"


class SqlStoreUpkeep:
    """Looks after the decisions in `database`, whose files are `files`."""

    def __init__(self, database: Database, files: StoreFiles, recorder: Recorder) -> None:
        self._database, self.files, self._recorder = database, files, recorder

    def revision(self) -> str | None:
        return revision_of(self._database) if self.files.exists() else None

    def require_ready(self) -> None:
        revision = self.revision()
        if revision is None:
            raise no_store_in(self._database)
        if revision != REVISIONS[-1]:
            raise StoreUnavailable("the decision store was made by an earlier version: run `fraud store migrate`")

    def summary(self) -> StoreSummary:
        with self._database.reading() as session:
            counts: dict[str, int] = dict(session.rows(_BY_OUTCOME))
            ends = [session.rows(_END.format(order=order)) for order in ("ASC", "DESC")]
            contract = contract_of(session)
            counted = (_COUNT_LABELS, _COUNT_KEYS, _COUNT_EVENTS)
            labels, keys, events = (session.rows(count)[0][0] for count in counted)
        first, last = (rows[0][0] if rows else None for rows in ends)
        by_outcome = {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}
        return StoreSummary(REVISIONS[-1], contract, by_outcome, first, last, labels, keys, events, *self.files.size())

    def count_older(self, before: int) -> Older:
        first = _first_id(before)
        with self._database.reading() as session:
            return Older(*session.rows(_COUNT_OLDER, (first, first))[0])

    def remove_older(self, before: int, *, limit: int) -> int:
        return self._remove_older("decisions", "decision_id", before, limit)

    def remove_events(self, before: int, *, limit: int) -> int:
        return self._remove_older("events", "event_id", before, limit)

    def remove_keys(self, before: int, *, limit: int) -> int:
        with self._database.writing() as session:
            return session.change(_REMOVE_KEYS, (before, limit))

    def ids_about(self, entities: Sequence[str]) -> list[str]:
        statement = _ABOUT.format(by=_BY[self._database.dialect], marks=", ".join("?" * len(entities)))
        with self._database.reading() as session:
            return [uuid_text(packed) for (packed,) in session.rows(statement, entities)]

    def erase(self, erased: Sequence[StoredDecision]) -> None:
        keys = {row.idempotency_key for row in erased} - {None}
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            DECISIONS.erase(session, erased)
            subjects = [uuid_bytes(row.decision_id) for row in erased]
            session.change(ENTER, ("erased", b"".join(subjects), b"".join(row.seal for row in erased)))
            self._erase_notes(session, subjects)
            close_cases(session, subjects)
            erase_verdict_notes(session, subjects)
            remove_golden(session, subjects)
            session.change_each(_ERASE_SHADOWS, [(subject,) for subject in subjects])
            if keys:
                callers = session.rows(_CALLERS)
                session.change_each(_REMOVE_KEY, [(caller, key) for (caller,) in callers for key in keys])

    def events_about(self, entities: Sequence[str], *, limit: int) -> list[StoredEvent]:
        with self._database.reading() as session:
            return events_about(session, entities, limit)

    def erase_events(self, erased: Sequence[StoredEvent]) -> None:
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            erase_events(session, erased)
            subjects = [uuid_bytes(event.event_id) for event in erased]
            session.change(ENTER, ("erased", b"".join(subjects), b"".join(event.seal for event in erased)))
            self._erase_notes(session, subjects)

    def close(self) -> None:
        self._database.close()

    def _remove_older(self, table: str, id_: str, before: int, limit: int) -> int:
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            statement = _REMOVE.format(table=table, id_=id_)
            removed = sorted(subject for (subject,) in session.rows(statement, (_first_id(before), limit)))
            if removed:
                session.change(ENTER, ("purged", b"".join(removed), self._recorder.log_key.tombstones(removed)))
            return len(removed)

    def _erase_notes(self, session: Session, subjects: Sequence[bytes]) -> None:
        """The labels without their notes, logged again; a label that was changed must not get a valid seal."""
        labels = list(sealed_labels(session, subjects))
        bare = [
            (label_id, self._recorder.sealed_label(Label(*label[:-1])._replace(note="")))
            if self._recorder.is_intact_label(label)
            else (label_id, label._replace(note=""))
            for label_id, label in labels
        ]
        session.change_each(_ERASE_NOTE, [(label.seal, label_id) for label_id, label in bare])
        if bare:
            logged = (uuid_bytes(label.subject_id) for _, label in bare), (label.seal for _, label in bare)
            session.change(ENTER, ("label", *map(b"".join, logged)))


def _first_id(milliseconds: int) -> bytes:
    return uuid_bytes(first_uuid7(milliseconds))
