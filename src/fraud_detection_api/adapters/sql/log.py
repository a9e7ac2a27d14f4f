"""LogStore in SQL. Triggers fill the queue (migrations 0004, 0007 and 0008)."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from fraud_detection_api.adapters.sql.database import Database, Dialect, Session, parts
from fraud_detection_api.adapters.sql.events import events_of
from fraud_detection_api.adapters.sql.labels import sealed_labels
from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.log import SUBJECT_BYTES, Kind, LogState, Run, SignedRoot, Waiting
from fraud_detection_api.decision.merkle import HASH_BYTES, Tree
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.auditing.log_store import LabelRow, Served

ENTER = "INSERT INTO log_queue (kind, subjects, seals) VALUES (?, ?, ?)"

_STATE = "SELECT log_id, found, size, peaks FROM log_state"
_QUEUE = "SELECT entry, kind, subjects, seals FROM log_queue ORDER BY entry"
_REMOVE = "DELETE FROM log_queue WHERE entry IN ({marks})"
_REMOVE_RANGE = "DELETE FROM log_queue WHERE entry BETWEEN ? AND ?"
_GROW = "UPDATE log_state SET size = ?, peaks = ? WHERE size = ?"
_APPEND = "INSERT INTO log (position, kind, subjects, seals) VALUES (?, ?, ?, ?)"
_RUNS = "SELECT position, kind, subjects, seals FROM log WHERE position >= ? AND position < ? ORDER BY position"
_LENGTHS = f"""
SELECT position, length(subjects) / {SUBJECT_BYTES} FROM log WHERE kind = ? AND position >= ? ORDER BY position"""  # noqa: S608
_LAST = "SELECT position, kind, subjects, seals FROM log ORDER BY position DESC LIMIT 1"
_FROM = "SELECT position, kind, subjects, seals FROM log WHERE position > ? ORDER BY position LIMIT 200"
_REGISTRY = """
SELECT {key}, kind, subjects, seals FROM {table} WHERE kind IN ('alias', 'registry') ORDER BY {key}"""
_SIGN = """
INSERT INTO log_roots (log_id, found, size, root, signed_at, signature) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (size) DO NOTHING"""
_ROOTS = "SELECT log_id, found, size, root, signed_at, signature FROM log_roots"
_HOLDS = {"sqlite": "instr(subjects, ?) > 0", "postgresql": "position(? in subjects) > 0"}
_ABOUT = "SELECT position, kind, subjects, seals FROM log WHERE kind <> 'alias' AND {holds} ORDER BY position"
_SERVED = """
SELECT model_version, model_digest, min(decided_at)
FROM decisions JOIN deciders USING (decider_id) WHERE decided_at >= ? GROUP BY model_version, model_digest ORDER BY 3"""
_COUNTS = "SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM labels), (SELECT count(*) FROM events)"
# a decision whose decider is gone is found by nobody, and its seal is not checked
_SEALS: Mapping[Kind, str] = {
    "decision": "SELECT decision_id, seal FROM decisions JOIN deciders USING (decider_id) WHERE decision_id IN ({marks})",
    "event": "SELECT event_id, seal FROM events WHERE event_id IN ({marks})",
}
_IDS: Mapping[Kind, str] = {
    "decision": "SELECT decision_id FROM decisions WHERE decision_id > ? ORDER BY decision_id LIMIT 10000",
    "event": "SELECT event_id FROM events WHERE event_id > ? ORDER BY event_id LIMIT 10000",
}

_TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name",
    "postgresql": """
SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE NOT tgisinternal AND tgenabled = 'O' AND tgqual IS NULL
  AND tgrelid IN (to_regclass('decisions'), to_regclass('labels'), to_regclass('events'), to_regclass('log_queue'))
ORDER BY tgname""",
}
_TRIGGERS_DIGEST = {
    "sqlite": "b1efc76a42240a55b381d292e87c74c01d37ec8e3188fe76a83fb85cca9bb487",
    "postgresql": "0734f06f26b8550acc127a340b5113d30d4cdfa78a25c2fb1ba77281656b5dff",
}
"""SHA-256 of what the migrations made, which never changes in a release."""

_ENTRIES_A_STATEMENT = 500


class SqlLogStore:
    """Stores the log in the database of the decisions; roots over `signing`, which makes all that came before durable."""

    def __init__(self, database: Database, signing: Database | None = None) -> None:
        self._database, self._signing = database, signing or database

    def state(self) -> LogState:
        with self._database.reading() as session:
            state, last = _state(session), session.rows(_LAST)
        if [state.tree.size] != [Run(*row).end for row in last or [(0, "", b"", b"")]] or not state.tree.is_whole:
            raise StoreUnavailable("somebody changed the end of the store's log: see `fraud audit verify`")
        return state

    def enter(self, kind: Kind, subjects: bytes, seals: bytes) -> None:
        with self._database.stating() as session:
            session.change(ENTER, (kind, subjects, seals))

    def waiting(self, *, limit: int) -> list[Waiting]:
        with self._database.reading() as session:
            return _waiting(session, limit)

    def move(self, waiting: Sequence[Waiting], runs: Sequence[Run], before: Tree, after: Tree) -> None:
        with self._database.writing() as session:
            if not session.change(_GROW, (after.size, b"".join(after.peaks), before.size)):
                raise StoreUnavailable("another process has moved the log on")
            session.change_each(_APPEND, runs)
            self._remove(session, [each.entry for each in waiting])

    def runs(self, *, after: int, limit: int) -> list[Run]:
        with self._database.reading() as session:
            return [Run(*row) for row in session.rows(_RUNS, (after, after + limit))]

    def lengths(self, kind: Kind, *, after: int) -> list[tuple[int, int]]:
        with self._database.reading() as session:
            return [(position, leaves) for position, leaves in session.rows(_LENGTHS, (kind, after))]

    def is_fed(self) -> bool:
        with self.snapshot() as snapshot:
            return snapshot.is_fed()

    def registry_runs(self) -> list[Run]:
        with self._database.reading() as session:
            tables = {"log": "position", "log_queue": "entry"}.items()
            return [Run(*row) for table, key in tables for row in session.rows(_REGISTRY.format(table=table, key=key))]

    def sign(self, root: SignedRoot) -> None:
        with self._signing.writing() as session:
            session.change(_SIGN, root)

    def last_root(self) -> SignedRoot | None:
        with self._database.reading() as session:
            rows = session.rows(f"{_ROOTS} ORDER BY size DESC LIMIT 1")
        return SignedRoot(*rows[0]) if rows else None

    @contextmanager
    def snapshot(self) -> Iterator["SqlLogSnapshot"]:
        with self._database.reading() as session:
            yield SqlLogSnapshot(session, self._database.dialect)

    def _remove(self, session: Session, entries: Sequence[int]) -> None:
        if self._database.dialect == "sqlite":  # one writer at a time: there are no others in between
            session.change(_REMOVE_RANGE, (entries[0], entries[-1]))
            return
        for first in range(0, len(entries), _ENTRIES_A_STATEMENT):
            some = entries[first : first + _ENTRIES_A_STATEMENT]
            session.change(_REMOVE.format(marks=", ".join("?" * len(some))), some)


class SqlLogSnapshot:
    """A log as a transaction that reads shows it."""

    def __init__(self, session: Session, dialect: Dialect) -> None:
        self.session, self._dialect = session, dialect

    def state(self) -> LogState:
        return _state(self.session)

    def waiting(self) -> list[Waiting]:
        return _waiting(self.session, None)

    def runs(self) -> Iterator[Run]:
        position = -1
        while rows := self.session.rows(_FROM, (position,)):
            yield from (Run(*row) for row in rows)
            position = rows[-1][0]

    def runs_about(self, decision_id: bytes) -> list[Run]:
        rows = self.session.rows(_ABOUT.format(holds=_HOLDS[self._dialect]), (decision_id,))
        return [Run(*row) for row in rows]

    def roots(self) -> list[SignedRoot]:
        return [SignedRoot(*row) for row in self.session.rows(f"{_ROOTS} ORDER BY size")]

    def seals(self, subjects: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {
            subject: seal
            for statement in _SEALS.values()
            for marks, some in parts(subjects)
            for subject, seal in self.session.rows(statement.format(marks=marks), some)
        }

    def events(self, subjects: Sequence[bytes]) -> list[StoredEvent]:
        return events_of(self.session, subjects)

    def labels(self, subjects: Sequence[bytes]) -> list[LabelRow]:
        return [LabelRow(label_id, label) for label_id, label in sealed_labels(self.session, subjects)]

    def others(self, known: set[bytes]) -> Iterator[tuple[Kind, bytes]]:
        for kind, statement in _IDS.items():
            after = b""
            while rows := self.session.rows(statement, (after,)):
                yield from ((kind, subject) for (subject,) in rows if subject not in known)
                after = rows[-1][0]

    def is_fed(self) -> bool:
        triggers = self.session.rows(_TRIGGERS[self._dialect])
        digest = hashlib.sha256(repr([tuple(each) for each in triggers]).encode())
        return digest.hexdigest() == _TRIGGERS_DIGEST[self._dialect]

    def served(self, *, since: int) -> list[Served]:
        return [Served(*row) for row in self.session.rows(_SERVED, (since,))]

    def counts(self) -> tuple[int, int, int]:
        decisions, labels, events = self.session.rows(_COUNTS)[0]
        return decisions, labels, events


def _state(session: Session) -> LogState:
    rows = session.rows(_STATE)
    if len(rows) != 1:
        raise StoreUnavailable("the state of the store's log is missing: restore a backup")
    [(log_id, found, size, peaks)] = rows
    nodes = [peaks[first : first + HASH_BYTES] for first in range(0, len(peaks), HASH_BYTES)]
    return LogState(log_id, found, Tree(size, tuple(nodes)))


def _waiting(session: Session, limit: int | None) -> list[Waiting]:
    rows = session.rows(_QUEUE) if limit is None else session.rows(f"{_QUEUE} LIMIT ?", (limit,))
    return [Waiting(*row) for row in rows]
