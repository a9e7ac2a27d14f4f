"""DecisionStore in SQL."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from fraud_detection_api.adapters.sql.cases import cases_of, open_cases
from fraud_detection_api.adapters.sql.database import (
    ROWS_A_STATEMENT,
    Database,
    Dialect,
    Insertion,
    Row,
    Session,
    SharedRows,
    parts,
)
from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes, uuid_text
from fraud_detection_api.decision.label import LabelState
from fraud_detection_api.decision.row_format import columns_of, picked, types_of
from fraud_detection_api.decision.stored import (
    WRITTEN_BY_ERASURE,
    IdempotencyKey,
    StoredAnswer,
    StoredDecision,
    StoredRequest,
)
from fraud_detection_api.errors import StoreUnavailable, UnknownDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter, Searched, Traits

_ID, _DECIDER_ID = "decision_id", "decider_id"


class DecisionTable:
    """Rows of a type, whose first field is the decision's id.

    `select` gives the values that `decision` reads, in its `columns`. What thousands of decisions have in common, such as
    their model, is a row of `deciders`; `decider` is that part of a decision.
    """

    def __init__(self, row_type: type[StoredDecision]) -> None:
        (identifier, *others), types = columns_of(row_type), types_of(row_type)
        own = [column for column in others if column.table == "decisions"]
        shared = [column for column in others if column.table == "deciders"]
        self._make: Callable[[Iterable[Any]], StoredDecision] = row_type._make
        self._own = picked(row_type, [column.field for column in own])
        stored = {_ID: bytes, **{column.name: types[column.field] for column in own}, _DECIDER_ID: int}
        self._insertion = Insertion("decisions", stored, key=[_ID])
        self.decider = picked(row_type, [column.field for column in shared])
        self.deciders = SharedRows("deciders", _DECIDER_ID, [column.name for column in shared])
        self.columns = [f"{'decision.' * (column not in shared)}{column.name}" for column in (identifier, *others)]
        self.select = f"SELECT {', '.join(self.columns)} FROM decisions AS decision JOIN deciders USING ({_DECIDER_ID})"  # noqa: S608
        erased = [column for column in own if column.field in WRITTEN_BY_ERASURE]
        self._erased = picked(row_type, [column.field for column in erased])
        self._erase = f"UPDATE decisions SET {', '.join(f'{column.name} = ?' for column in erased)} WHERE {_ID} = ?"  # noqa: S608

    def insert(self, session: Session, rows: Iterable[StoredDecision], decider_ids: Mapping[Row, int]) -> int:
        """Add the decisions whose id is new; returns how many are."""
        own, decider = self._own, self.decider
        parameters = [(uuid_bytes(row.decision_id), *own(row), decider_ids[decider(row)]) for row in rows]
        return session.insert(self._insertion, parameters)

    def erase(self, session: Session, rows: Iterable[StoredDecision]) -> None:
        """Write the columns that an erasure changes, and the seal."""
        session.change_each(self._erase, [(*self._erased(row), uuid_bytes(row.decision_id)) for row in rows])

    def decision(self, values: Sequence[Any]) -> StoredDecision:
        """A decision from what `select` gives."""
        identifier, *others = values
        return self._make((uuid_text(identifier), *others))


DECISIONS = DecisionTable(StoredDecision)


REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012")
"""Revisions of the tables that this version of the software knows, oldest first; it works with the last one."""

_SELECT_IDS = "SELECT decision_id FROM decisions"

# replaces a key that has expired, and no other
_CLAIM = """
INSERT INTO idempotency_keys (caller, idempotency_key, kept_at, body_digest, answer) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (caller, idempotency_key) DO UPDATE
  SET kept_at = excluded.kept_at, body_digest = excluded.body_digest, answer = excluded.answer
  WHERE idempotency_keys.kept_at < ?"""

_ANSWER = "SELECT body_digest, answer FROM idempotency_keys WHERE caller = ? AND idempotency_key = ? AND kept_at >= ?"

_CHECK = """
INSERT INTO checks (name, checked_at) VALUES ('write', ?)
ON CONFLICT (name) DO UPDATE SET checked_at = excluded.checked_at"""

_CLAIM_STORE = "INSERT INTO served_contract (name, contract) VALUES ('contract', ?) ON CONFLICT (name) DO NOTHING"

# without a bound, PostgreSQL takes conditions for common, and reads the whole table where nothing has them
_AMONG = {
    "sqlite": "decision_id IN ({candidates})",
    "postgresql": """decision_id IN ({candidates})
      AND decision_id >= (SELECT decision_id FROM ({candidates}) AS last ORDER BY decision_id LIMIT 1)""",
}

Order = Literal["ASC", "DESC"]


class SqlDecisionStore:
    """Stores decisions in `database`, and answers under idempotency keys for `idempotency_seconds`."""

    def __init__(
        self, database: Database, *, idempotency_seconds: float, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._database, self._idempotency_seconds, self._wall_clock = database, idempotency_seconds, wall_clock
        self._decider_ids: Mapping[Row, int] = {}

    def migrate(self) -> None:
        self._decider_ids = {}  # it may be another database than before: an empty one, or a backup
        if revision_of(self._database) != REVISIONS[-1]:
            self._database.upgrade(REVISIONS[-1])

    def check(self) -> None:
        with self._database.writing() as session:
            session.change(_CHECK, (self._now(),))

    def contract(self) -> str | None:
        with self._database.reading() as session:
            return contract_of(session)

    def claim(self, contract: str) -> str:
        if (held := self.contract()) is not None:
            return held
        with self._database.writing() as session:
            session.change(_CLAIM_STORE, (contract,))
        return self.contract() or contract

    def save(self, requests: Sequence[StoredRequest]) -> list[StoredAnswer | None]:
        decider_ids = self._ids_of({DECISIONS.decider(row) for request in requests for row in request.decisions[:1]})
        if not any(request.idempotency for request in requests):
            rows, cases = [row for request in requests for row in request.decisions], cases_of(requests)
            is_one_statement = len(rows) <= ROWS_A_STATEMENT and not cases
            with self._database.stating() if is_one_statement else self._database.writing() as session:
                _insert(session, rows, cases, decider_ids)
            return [None] * len(requests)
        with self._database.writing() as session:
            answers = self._claim(session, requests)
            new = [request for index, request in enumerate(requests) if index not in answers]
            _insert(session, [row for request in new for row in request.decisions], cases_of(new), decider_ids)
        return [answers.get(index) for index in range(len(requests))]

    def save_while(self, goes_on: Callable[[], bool], requests: Sequence[StoredRequest]) -> int:
        decider_ids = self._ids_of({DECISIONS.decider(row) for request in requests for row in request.decisions[:1]})
        with self._database.writing() as session:
            for number, request in enumerate(requests, 1):
                _insert(session, request.decisions, cases_of([request]), decider_ids)
                if not goes_on():
                    return number
        return len(requests)

    def find_answer(self, key: IdempotencyKey) -> StoredAnswer | None:
        with self._database.reading() as session:
            return self._answer(session, key, self._now())

    def find(self, decision_id: str) -> StoredDecision:
        try:
            packed = uuid_bytes(decision_id)
        except ValueError:
            raise UnknownDecision from None
        with self._database.reading() as session:
            rows = session.rows(f"{DECISIONS.select} WHERE decision_id = ?", (packed,))
        if not rows:
            raise UnknownDecision
        return DECISIONS.decision(rows[0])

    def page(self, where: DecisionFilter, *, limit: int, before: str | None = None) -> list[StoredDecision]:
        return [DECISIONS.decision(row) for row in self._rows(DECISIONS.select, where, limit, "DESC", before)]

    def search(
        self, where: DecisionFilter, traits: Traits, *, limit: int, among: int, before: str | None = None
    ) -> Searched:
        conditions = _conditions(where, "DESC", before)
        by_label = traits.label in ("fraud", "legitimate") and where.entity is None and where.outcome is None
        ids = "SELECT DISTINCT decision_id FROM labels" if by_label else _SELECT_IDS
        # after a bound on ids, which SQLite would not use beside it
        which = [*conditions, *(["decision_id IS NOT NULL"] if by_label else [])]
        candidates = f"{ids}{_conjunction(which)} ORDER BY decision_id DESC LIMIT ?"
        wanted = _traits(traits, self._database.dialect)
        chosen = _AMONG[self._database.dialect].format(candidates=candidates)
        statement = " AND ".join([f"{DECISIONS.select} WHERE {chosen}", *wanted])
        with self._database.reading() as session:
            parameters = (
                *(*conditions.values(), among) * chosen.count(candidates),
                *(value for values in wanted.values() for value in values),
                limit,
            )
            rows = session.rows(f"{statement} ORDER BY decision_id DESC LIMIT ?", parameters)
            # a full page stopped somewhere; otherwise all candidates were looked at, and there may be more
            last = (
                session.rows(f"{candidates} OFFSET ?", (*conditions.values(), 1, among - 1))
                if len(rows) < limit
                else []
            )
        return Searched([DECISIONS.decision(row) for row in rows], uuid_text(last[0][0]) if last else None)

    def following(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[StoredDecision]:
        return [DECISIONS.decision(row) for row in self._rows(DECISIONS.select, where, limit, "ASC", after)]

    def ids(self, where: DecisionFilter, *, limit: int, after: str | None = None) -> list[str]:
        return [uuid_text(packed) for (packed,) in self._rows(_SELECT_IDS, where, limit, "ASC", after)]

    def count(self, where: DecisionFilter, *, most: int) -> int:
        conditions = _conditions(where, "ASC", None)
        statement = f"SELECT count(*) FROM (SELECT 1 FROM decisions{_conjunction(conditions)} LIMIT ?) AS counted"  # noqa: S608
        with self._database.asking() as session:
            return int(session.rows(statement, (*conditions.values(), most))[0][0])

    def find_each(self, decision_ids: Sequence[str]) -> list[StoredDecision]:
        with self._database.reading() as session:
            found = decisions_of(session, [uuid_bytes(identifier) for identifier in decision_ids])
        by_id = {row.decision_id: row for row in found}
        return [by_id[identifier] for identifier in decision_ids if identifier in by_id]

    def close(self) -> None:
        self._database.close()

    def _rows(self, select: str, where: DecisionFilter, limit: int, order: Order, beyond: str | None) -> list[Row]:
        conditions = _conditions(where, order, beyond)
        page = f"{_conjunction(conditions)} ORDER BY decision_id {order} LIMIT ?"
        statement = f"{select}{page}"
        if where.entity is not None or where.outcome is not None:
            # find the page in an index alone, and only then read the table
            statement = f"{select} WHERE decision_id IN ({_SELECT_IDS}{page}) ORDER BY decision_id {order}"
        with self._database.reading() as session:
            return session.rows(statement, (*conditions.values(), limit))

    def _claim(self, session: Session, requests: Sequence[StoredRequest]) -> dict[int, StoredAnswer]:
        """Claim the keys in their order, so that no two processes wait for each other; returns the answers of taken keys."""
        now = self._now()
        keyed = [(request.idempotency, index) for index, request in enumerate(requests) if request.idempotency]
        taken = {}
        for key, index in sorted(keyed):
            parameters = (key.caller, key.key, now, key.body_digest, requests[index].answer, self._expired(now))
            if not session.change(_CLAIM, parameters) and (stored := self._answer(session, key, now)):
                taken[index] = stored
        return taken

    def _answer(self, session: Session, key: IdempotencyKey, now: int) -> StoredAnswer | None:
        rows = session.rows(_ANSWER, (key.caller, key.key, self._expired(now)))
        return StoredAnswer(*rows[0]) if rows else None

    def _ids_of(self, deciders: set[Row]) -> Mapping[Row, int]:
        """In a transaction of their own: one that rolled back with others would leave ids here that the database lacks."""
        known = self._decider_ids  # another thread may replace it meanwhile
        if missing := deciders - known.keys():
            with self._database.writing() as session:
                DECISIONS.deciders.insert(session, missing)
                known = DECISIONS.deciders.ids(session)
            self._decider_ids = known  # now they are committed, so that other threads may refer to them
        return known

    def _now(self) -> int:
        return int(self._wall_clock() * 1000)

    def _expired(self, now: int) -> int:
        return now - int(self._idempotency_seconds * 1000)


def _insert(
    session: Session, rows: Sequence[StoredDecision], cases: Sequence[Row], decider_ids: Mapping[Row, int]
) -> None:
    """Add decisions with the cases of those that go to review."""
    new = DECISIONS.insert(session, rows, decider_ids)
    if cases:
        open_cases(session, cases, are_new=new == len(rows))


def _conditions(where: DecisionFilter, order: Order, beyond: str | None) -> dict[str, object]:
    """Conditions that an index serves, with their parameters."""
    conditions: dict[str, object] = dict(id_bounds(where, order, beyond))
    if where.entity is not None:
        conditions["entity = ?"] = where.entity
    if where.outcome is not None:
        # an entity has few decisions, an outcome millions: of the two indexes never use the outcome's
        conditions["outcome = ?" if where.entity is None else "outcome || '' = ?"] = where.outcome
    return conditions


def _conjunction(conditions: Collection[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


_LABELS = "FROM labels WHERE labels.decision_id = decision.decision_id"
_SAYS = f"(SELECT is_fraud {_LABELS} ORDER BY effective_at DESC, label_id DESC LIMIT 1)"

_STATES: Mapping[LabelState, str] = {
    "unlabelled": f"NOT EXISTS (SELECT 1 {_LABELS})",
    "fraud": f"{_SAYS} = 1",
    "legitimate": f"{_SAYS} = 0",
}

_HAS_CODE = {"sqlite": "instr({}, ?) > 0", "postgresql": "strpos({}, ?) > 0"}


def _traits(traits: Traits, dialect: Dialect) -> dict[str, tuple[object, ...]]:
    """Conditions for traits, each with its parameters."""
    conditions: dict[str, tuple[object, ...]] = {}
    if traits.label is not None:
        conditions[_STATES[traits.label]] = ()
    if traits.model is not None:
        conditions["source = 'model' AND model_version = ?"] = (traits.model,)
    if traits.min_risk_score is not None:
        conditions["risk_score >= ?"] = (traits.min_risk_score,)
    if traits.max_risk_score is not None:
        conditions["risk_score <= ?"] = (traits.max_risk_score,)
    for column, code in (("reasons", traits.reason), ("warnings", traits.warning)):
        if code is not None:  # within a text of the JSON, its quotes would be escaped
            conditions[_HAS_CODE[dialect].format(column)] = (f'"code":"{code}"',)
    if traits.members:  # what ends them is part of the text, or 17 would be found in 170
        has = _HAS_CODE[dialect].format("record")
        parameters = tuple(f"{member}{end}" for member in traits.members for end in ",}")
        conditions[" AND ".join([f"({has} OR {has})"] * len(traits.members))] = parameters
    return conditions


def decisions_of(session: Session, decision_ids: Sequence[bytes]) -> list[StoredDecision]:
    """Those of the decisions that are stored, in no order."""
    return [
        DECISIONS.decision(row)
        for marks, some in parts(decision_ids)
        for row in session.rows(f"{DECISIONS.select} WHERE decision_id IN ({marks})", some)
    ]


def have_records(
    session: Session, ids: Sequence[bytes], *, of: Literal["decisions", "events"] = "decisions"
) -> dict[bytes, bool]:
    """Whether each stored decision or event still has its record."""
    id_ = f"{of.removesuffix('s')}_id"
    statement = f"SELECT {id_}, CASE WHEN record IS NULL THEN 0 ELSE 1 END FROM {of} WHERE {id_} IN "  # noqa: S608
    return {
        bytes(row[0]): bool(row[1]) for marks, some in parts(ids) for row in session.rows(f"{statement}({marks})", some)
    }


def id_bounds(where: DecisionFilter, order: Order, beyond: str | None) -> dict[str, bytes]:
    """Conditions on `decision_id` for a range of time, and for ids beyond one in that order, with their parameters.

    One bound on each side: given two, SQLite's planner takes the first, and reads everything from there to the other.
    """
    lower = [] if where.since is None else [(uuid_bytes(first_uuid7(where.since)), "decision_id >= ?")]
    upper = [] if where.until is None else [(uuid_bytes(first_uuid7(where.until)), "decision_id < ?")]
    if beyond is not None and order == "ASC":
        lower.append((uuid_bytes(beyond), "decision_id > ?"))
    elif beyond is not None:
        upper.append((uuid_bytes(beyond), "decision_id < ?"))
    bounds = [*([max(lower)] if lower else ()), *([min(upper)] if upper else ())]
    return {condition: bound for bound, condition in bounds}


def contract_of(session: Session) -> str | None:
    """The name of the contract that the store belongs to."""
    rows = session.rows("SELECT contract FROM served_contract")
    return str(rows[0][0]) if rows else None


def revision_of(database: Database) -> str | None:
    """The revision of the tables; None if there are none. Raises StoreUnavailable for an unknown revision."""
    with database.reading() as session:
        if not session.rows(_HAS_TABLES[database.dialect]):
            return None
        revisions = [revision for (revision,) in session.rows("SELECT version_num FROM alembic_version")]
    if any(revision not in REVISIONS for revision in revisions):
        raise StoreUnavailable(
            "the decision store was made by a newer version of fraud-detection-api; run that version, or restore a backup"
        )
    return revisions[0] if revisions else None


_HAS_TABLES = {
    "sqlite": "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'",
    "postgresql": "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL",
}
