"""ReviewStore in SQL."""

from typing import TypeAlias

from fraud_detection_api.adapters.sql.accounts import AUDIT
from fraud_detection_api.adapters.sql.cases import case_row, close_cases, open_cases
from fraud_detection_api.adapters.sql.checks import (
    Check,
    golden_case,
    judge_golden,
    renew_golden,
    say,
    second_review,
    take_golden,
)
from fraud_detection_api.adapters.sql.database import Database, Row, Session, alone
from fraud_detection_api.adapters.sql.decisions import decisions_of
from fraud_detection_api.adapters.sql.labels import SqlLabelStore
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.errors import UnknownDecision
from fraud_detection_api.services.accounts.account_store import AuditLine
from fraud_detection_api.services.reviewing.refusals import CaseClosed, CaseEscalated, CaseTaken, NotAppealable
from fraud_detection_api.services.reviewing.review_store import (
    UNSURE_ESCALATES,
    Act,
    Case,
    CaseFilter,
    CaseKey,
    Length,
    Reviewer,
    Verdict,
)

_SELECT = f"SELECT {', '.join(Case._fields[:-1])} FROM reviews"  # noqa: S608 names of columns

_MOST_TAKEN = 1_000
"""Of the cases that have a filter, so many are looked at for one that is free: others have few, as leases end."""

_SORTS = {
    "loss": "weight DESC, decision_id DESC",
    "age": "decision_id",
}

_COUNT = "SELECT count(*) FROM (SELECT 1 FROM reviews WHERE is_escalated = {escalated} LIMIT ?) AS counted"

# an appeal may have been opened long after its decision was made
_OLDEST = """
SELECT min(opened_at) FROM (
  SELECT * FROM (
    SELECT opened_at FROM reviews WHERE {which} AND kind = 'review' ORDER BY decision_id LIMIT 1
  ) AS sent
  UNION ALL
  SELECT * FROM (
    SELECT opened_at FROM reviews WHERE is_escalated = {escalated} AND kind = 'appeal' ORDER BY opened_at LIMIT 1
  ) AS appealed
) AS first"""

# of an entity with more decisions than that, only the newest are looked for in the queue. One form of its id at a time: for
# several, PostgreSQL reads all decisions in their order until it has enough
_OF_ENTITY = (
    "SELECT * FROM (SELECT decision_id FROM decisions WHERE entity = ? ORDER BY decision_id DESC LIMIT 1000) AS its"
)

# the reviewer's own lease counts as free: whoever looks at the list first goes on with the case at hand. Nobody confirms
# what they said themselves; a lead decides disputes, whoever they are between
_FREE = """(first_by <> ? OR is_escalated = 1) AND (leased_until <= ? OR leased_by = ?) AND (unsure = 0 OR NOT EXISTS (
  SELECT 1 FROM review_verdicts AS said
  WHERE said.decision_id = reviews.decision_id AND said.who = ? AND said.verdict = 'unsure'))"""

# one statement; PostgreSQL skips cases that others take at this moment, and SQLite has one writer at a time
_TAKE = "UPDATE reviews SET leased_by = ?, leased_until = ? WHERE decision_id = ({first}) RETURNING decision_id"
_LOCK_FREE = {"sqlite": "", "postgresql": " FOR UPDATE SKIP LOCKED"}
_LOCK = {"sqlite": "", "postgresql": " FOR UPDATE"}

_LEASE = """
UPDATE reviews SET leased_by = ?, leased_until = ?
WHERE decision_id = ? AND (leased_until <= ? OR leased_by = ?) AND (is_escalated = 0 OR ? = 1)
  AND (first_by <> ? OR is_escalated = 1)"""

_PUT_BACK = "UPDATE reviews SET leased_by = '', leased_until = 0, is_escalated = ?, unsure = ? WHERE decision_id = ?"
_RENEW = "UPDATE reviews SET leased_by = ?, leased_until = ? WHERE decision_id = ?"

_REOPEN = """
INSERT INTO reviews (decision_id, kind, opened_at, expected_loss, weight, reason, risk_score, unsure, first_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_SAID = "SELECT at, who, verdict, note, kind FROM review_verdicts WHERE decision_id = ? ORDER BY verdict_id"
_SAID_SINCE = "SELECT count(*) FROM review_verdicts WHERE who = ? AND at >= ?"
_WAS_UNSURE = "SELECT 1 FROM review_verdicts WHERE decision_id = ? AND who = ? AND verdict = 'unsure' LIMIT 1"
_LABELLED = """
SELECT count(*) FROM review_verdicts WHERE who = ? AND at >= ? AND verdict IN ('fraud', 'legitimate')"""

_SAVE_FILTER = """
INSERT INTO review_filters (owner, name, query) VALUES (?, ?, ?)
ON CONFLICT (owner, name) DO UPDATE SET query = excluded.query"""


class SqlReviewStore:
    """Stores the queue in the database of the decisions; verdicts are labels of `labels`, in the same transaction."""

    def __init__(self, database: Database, labels: SqlLabelStore) -> None:
        self._database, self._labels = database, labels

    def page(self, where: CaseFilter, *, limit: int, after: CaseKey | None = None) -> list[Case]:
        conditions = _conditions(where, limit, after)
        statement = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY {_SORTS[where.order]} LIMIT ?"
        with self._database.asking() as session:
            return [_case(row) for row in session.rows(statement, (*_values(conditions), limit))]

    def length(self, *, is_escalated: bool, most: int) -> Length:
        with self._database.asking() as session:
            [(cases,)] = session.rows(_COUNT.format(escalated=int(is_escalated)), (most,))
            # of all others, the primary key is read in its order until the first; of escalated ones, their own index
            which = "is_escalated = 1" if is_escalated else "is_escalated + 0 = 0"
            [(oldest,)] = session.rows(_OLDEST.format(which=which, escalated=int(is_escalated)))
        return Length(int(cases), oldest)

    def find(self, decision_id: str) -> Case | None:
        with self._database.asking() as session:
            return _find(session, _packed(decision_id))

    def take_next(self, where: CaseFilter, reviewer: Reviewer, *, now: int, until: int) -> str | None:
        conditions = _conditions(where, _MOST_TAKEN)
        conditions[_FREE] = (reviewer.name, now, reviewer.name, reviewer.name)
        first = (
            f"SELECT decision_id FROM reviews WHERE {' AND '.join(conditions)} ORDER BY {_SORTS[where.order]} LIMIT 1"  # noqa: S608
        )
        statement = _TAKE.format(first=first + _LOCK_FREE[self._database.dialect])
        with self._database.writing() as session:
            taken = session.rows(statement, (reviewer.name, until, *_values(conditions)))
        return uuid_text(bytes(taken[0][0])) if taken else None

    def take_golden(self, reviewer: Reviewer, *, until: int) -> str | None:
        with self._database.writing() as session:
            taken = take_golden(session, reviewer, until)
        return None if taken is None else uuid_text(taken)

    def has_check(self, decision_id: str, reviewer: Reviewer) -> bool:
        packed = _packed(decision_id)
        with self._database.asking() as session:
            case = _find(session, packed)
            is_second = case is not None and case.check == "second" and case.first_by != reviewer.name
            return is_second or golden_case(session, packed, reviewer.name) is not None

    def open(self, decision_id: str, reviewer: Reviewer | None, line: AuditLine, *, until: int) -> Case | None:
        packed = _packed(decision_id)
        with self._database.writing() as session:
            session.change(AUDIT, line)
            if reviewer is None:
                return _find(session, packed)
            who, is_lead = reviewer
            if (golden := golden_case(session, packed, who)) is not None:
                renew_golden(session, who, until)
                return golden[0]._replace(leased_until=until)
            session.change(_LEASE, (who, until, packed, line.at, who, int(is_lead), who))
            return _find(session, packed)

    def act(self, act: Act, *, until: int) -> None:
        packed = _packed(act.decision_id)
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            golden = golden_case(session, packed, act.reviewer.name)
            if golden is not None:
                judge_golden(session, act, golden[1], until)
            else:
                self._act_on(session, self._held(session, packed, act), act, until)

    def appeal(self, act: Act, loss: float | None) -> None:
        packed = _packed(act.decision_id)
        with self._database.writing() as session:
            alone(session, self._database.dialect)
            found = decisions_of(session, [packed])
            if not found:
                raise UnknownDecision
            [row] = found
            if row.record is None or _find(session, packed) is not None:
                raise NotAppealable
            open_cases(session, [case_row(row, "appeal", act.line.at, loss)], are_new=True)
            say(session, act)

    def verdicts(self, decision_id: str) -> list[Verdict]:
        with self._database.asking() as session:
            rows = session.rows(_SAID, (_packed(decision_id),))
        return [Verdict._make((*said, None if kind == "case" else kind)) for *said, kind in rows]

    def labelled_since(self, who: str, since: int) -> int:
        with self._database.asking() as session:
            return int(session.rows(_LABELLED, (who, since))[0][0])

    def said_since(self, who: str, since: int) -> int:
        with self._database.asking() as session:
            return int(session.rows(_SAID_SINCE, (who, since))[0][0])

    def save_filter(self, owner: str, name: str, query: str) -> None:
        with self._database.writing() as session:
            session.change(_SAVE_FILTER, (owner, name, query))

    def remove_filter(self, owner: str, name: str) -> None:
        with self._database.writing() as session:
            session.change("DELETE FROM review_filters WHERE owner = ? AND name = ?", (owner, name))

    def filters(self, owner: str) -> list[tuple[str, str]]:
        select = "SELECT name, query FROM review_filters WHERE owner = ? ORDER BY name"
        with self._database.asking() as session:
            return [(name, query) for name, query in session.rows(select, (owner,))]

    def close(self) -> None:
        self._database.close()

    def _held(self, session: Session, packed: bytes, act: Act) -> Case:
        """The case, which nobody else gets until this transaction ends; a lease that ended is no obstacle to its holder."""
        rows = session.rows(f"{_SELECT} WHERE decision_id = ?{_LOCK[self._database.dialect]}", (packed,))
        if not rows:
            raise CaseClosed
        case = _case(rows[0])
        if case.holder(act.line.at) not in (None, act.reviewer.name):
            raise CaseTaken(case.leased_by, case.leased_until)
        if case.is_escalated and not act.reviewer.is_lead:
            raise CaseEscalated
        if case.check == "second" and case.first_by == act.reviewer.name:
            raise CaseClosed
        return case

    def _act_on(self, session: Session, case: Case, act: Act, until: int) -> None:
        packed, is_label = _packed(act.decision_id), act.verdict in ("fraud", "legitimate")
        check = second_review(session, case) if case.check == "second" else None
        if is_label and check is not None:
            self._confirm(session, case, act, check)
        elif is_label:
            self._label(session, act)
            close_cases(session, [packed])
            if act.asks_second and not case.is_escalated:
                session.change(_REOPEN, (packed, *case[1:7], case.unsure, act.reviewer.name))
        elif act.verdict == "note":
            session.change(_RENEW, (act.reviewer.name, until, packed))
        else:
            self._put_back(session, case, act)
        # the note of a label is the label's
        say(session, act._replace(note="") if is_label and check is None else act, check)

    def _label(self, session: Session, act: Act) -> None:
        finding = Finding(act.decision_id, act.verdict == "fraud", "analyst", note=act.note, reviewer=act.reviewer.name)
        [result] = self._labels.record_within(session, [finding])
        if result not in ("recorded", "repeated"):
            raise UnknownDecision

    def _confirm(self, session: Session, case: Case, act: Act, check: Check) -> None:
        """Two people who agree are right; of two who do not, a lead says who is."""
        if act.verdict == check.expected:
            close_cases(session, [_packed(case.decision_id)])
        else:
            session.change(_PUT_BACK, (1, case.unsure, _packed(case.decision_id)))

    def _put_back(self, session: Session, case: Case, act: Act) -> None:
        packed, unsure = _packed(act.decision_id), case.unsure
        if act.verdict == "unsure" and not session.rows(_WAS_UNSURE, (packed, act.reviewer.name)):
            unsure += 1
        is_escalated = case.is_escalated or act.verdict == "escalate" or unsure >= UNSURE_ESCALATES
        session.change(_PUT_BACK, (int(is_escalated), unsure, packed))


Conditions: TypeAlias = dict[str, tuple[object, ...]]
"""Conditions, all of which must hold, with their parameters."""


def _conditions(where: CaseFilter, limit: int, after: CaseKey | None = None) -> Conditions:
    """Conditions that an index serves; with a filter, the first `limit` that have it are found in the index alone.

    Whether cases are escalated is no parameter, as partial indexes depend on it. Where the index by weight would not help,
    SQLite must not take it: `+ 0` hides the column.
    """
    escalated, filtered = int(where.is_escalated), _filtered(where)
    beyond: Conditions = {}
    if after is not None and where.order == "loss":
        beyond["(weight, decision_id) < (?, ?)"] = (after[0], uuid_bytes(after[1]))
    elif after is not None:
        beyond["decision_id > ?"] = (uuid_bytes(after[1]),)
    if where.entities or (where.order == "age" and not where.is_escalated):
        return {f"is_escalated + 0 = {escalated}": (), **filtered, **beyond}
    conditions: Conditions = {f"is_escalated = {escalated}": (), **filtered, **beyond}
    if not filtered or where.order == "age":
        return conditions
    found = f"SELECT decision_id FROM reviews WHERE {' AND '.join(conditions)} ORDER BY {_SORTS['loss']} LIMIT ?"  # noqa: S608
    return {f"is_escalated + 0 = {escalated}": (), f"decision_id IN ({found})": (*_values(conditions), limit)}


def _filtered(where: CaseFilter) -> Conditions:
    conditions: Conditions = {}
    if where.reason is not None:
        conditions["reason = ?"] = (where.reason,)
    if where.entities:
        its = " UNION ALL ".join([_OF_ENTITY] * len(where.entities))
        conditions[f"decision_id IN ({its})"] = tuple(where.entities)
    if where.min_risk_score is not None:
        conditions["risk_score >= ?"] = (where.min_risk_score,)
    if where.max_risk_score is not None:
        conditions["risk_score <= ?"] = (where.max_risk_score,)
    return conditions


def _values(conditions: Conditions) -> tuple[object, ...]:
    return tuple(value for values in conditions.values() for value in values)


def _find(session: Session, packed: bytes) -> Case | None:
    rows = session.rows(f"{_SELECT} WHERE decision_id = ?", (packed,))
    return _case(rows[0]) if rows else None


def _case(row: Row) -> Case:
    packed, *others = row
    case = Case(uuid_text(bytes(packed)), *others)
    return case._replace(is_escalated=bool(case.is_escalated))


def _packed(decision_id: str) -> bytes:
    try:
        return uuid_bytes(decision_id)
    except ValueError:
        raise UnknownDecision from None
