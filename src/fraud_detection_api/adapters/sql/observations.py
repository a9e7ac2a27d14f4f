"""ObservationStore in SQL."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from pydantic_core import from_json, to_json

from fraud_detection_api.adapters.sql.database import Database, Row, Session
from fraud_detection_api.adapters.sql.decisions import DECISION_COLUMNS, ROWS_A_STATEMENT, id_bounds, kept_decision
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.observing.observation_store import CountedSlot, ShadowDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter

_SELECT_CURSOR = "SELECT decision_id FROM observer_cursor"

# two observers may believe that they lead, for a moment: whoever has come less far changes nothing
_MOVE = """
INSERT INTO observer_cursor (name, decision_id) VALUES ('decisions', ?)
ON CONFLICT (name) DO UPDATE SET decision_id = excluded.decision_id
  WHERE observer_cursor.decision_id <= excluded.decision_id"""

_REPLACE_SLOT = """
INSERT INTO drift_slots (seconds, start, model_digest, counts) VALUES (?, ?, ?, ?)
ON CONFLICT (seconds, start, model_digest) DO UPDATE SET counts = excluded.counts"""

_SELECT_SLOTS = """
SELECT start, seconds, model_digest, counts FROM drift_slots WHERE seconds = ? AND start >= ? ORDER BY start, model_digest"""

_REMOVE_SLOTS = "DELETE FROM drift_slots WHERE start < ?"

Challenger = tuple[str, str, str]
"""Version, digest and policy's version: a part of a shadow decision, and a row of its own here."""

_INSERT_CHALLENGER = """
INSERT INTO challengers (model_version, model_digest, policy_version) VALUES (?, ?, ?)
ON CONFLICT (model_digest, model_version, policy_version) DO NOTHING"""

_SELECT_CHALLENGERS = "SELECT model_version, model_digest, policy_version, challenger_id FROM challengers"

_INSERT_SHADOWS = """
INSERT INTO shadow_decisions (challenger_id, decision_id, margin, fraud_probability, outcome, duration_us, observed_at)
VALUES {rows}
ON CONFLICT (challenger_id, decision_id) DO NOTHING"""

_SHADOW_COLUMNS = ("margin", "fraud_probability", "outcome", "duration_us", "observed_at")

# a challenger's shadows are walked in order, and each one's decision is looked up; never the other way about
_SELECT_COMPARED = f"""
SELECT {", ".join(DECISION_COLUMNS)}, {", ".join(f"shadow.{name}" for name in _SHADOW_COLUMNS)}
FROM (SELECT decision_id, {", ".join(_SHADOW_COLUMNS)} FROM shadow_decisions WHERE {{shadows}}) AS shadow
CROSS JOIN decisions AS decision JOIN deciders USING (decider_id)
WHERE decision.decision_id = shadow.decision_id{{decisions}}
ORDER BY shadow.decision_id LIMIT ?"""  # noqa: S608 names of columns


class SqlObservationStore:
    """Keeps observations in the database of the decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self) -> str | None:
        with self._database.reading() as session:
            rows = session.rows(_SELECT_CURSOR)
        return uuid_text(bytes(rows[0][0])) if rows else None

    def record(self, cursor: str, slots: Sequence[CountedSlot], shadows: Sequence[ShadowDecision]) -> None:
        with self._database.writing() as session:
            if not session.change(_MOVE, (uuid_bytes(cursor),)):
                raise StoreUnavailable("another observer has observed further")
            session.change_each(
                _REPLACE_SLOT,
                [(slot.seconds, slot.start, slot.model_digest, to_json(slot.counts).decode()) for slot in slots],
            )
            if shadows:
                _insert(session, shadows, _challenger_ids(session, {_challenger(shadow) for shadow in shadows}))

    def slots(self, *, since: int, seconds: int) -> list[CountedSlot]:
        with self._database.reading() as session:
            rows = session.rows(_SELECT_SLOTS, (seconds, since))
        return [CountedSlot._make((*row[:3], from_json(row[3]))) for row in rows]

    def compared(
        self, challenger_digest: str, wanted: DecisionFilter, *, limit: int, after: str | None = None
    ) -> list[tuple[StoredDecision, ShadowDecision]]:
        bounds = id_bounds(wanted, "ASC", ("decision_id > ?", after))
        of_decisions = {
            f"decision.{name} = ?": sought
            for name, sought in (("entity", wanted.entity), ("outcome", wanted.outcome))
            if sought is not None
        }
        statement = _SELECT_COMPARED.format(
            shadows=" AND ".join(["challenger_id = ?", *bounds]),
            decisions="".join(f" AND {condition}" for condition in of_decisions),
        )
        found: list[tuple[StoredDecision, ShadowDecision]] = []
        with self._database.reading() as session:
            challengers = [row for row in session.rows(_SELECT_CHALLENGERS) if row[1] == challenger_digest]
            for *challenger, identifier in challengers:
                rows = session.rows(statement, (identifier, *bounds.values(), *of_decisions.values(), limit))
                found += [_compared(row, challenger) for row in rows]
        return sorted(found, key=lambda pair: pair[0].decision_id)[:limit]  # of several versions with one digest

    def remove_before(self, moment: int) -> None:
        with self._database.writing() as session:
            session.change(_REMOVE_SLOTS, (moment,))


def _challenger(shadow: ShadowDecision) -> Challenger:
    return shadow.model_version, shadow.model_digest, shadow.policy_version


def _challenger_ids(session: Session, wanted: set[Challenger]) -> Mapping[Challenger, int]:
    known: dict[Challenger, int] = {row[:3]: row[3] for row in session.rows(_SELECT_CHALLENGERS)}
    if missing := sorted(wanted - known.keys()):
        session.change_each(_INSERT_CHALLENGER, missing)
        known = {row[:3]: row[3] for row in session.rows(_SELECT_CHALLENGERS)}
    return known


def _insert(session: Session, shadows: Sequence[ShadowDecision], challengers: Mapping[Challenger, int]) -> None:
    for first in range(0, len(shadows), ROWS_A_STATEMENT):
        some = shadows[first : first + ROWS_A_STATEMENT]
        parameters: list[object] = []
        for shadow in some:
            parameters += (challengers[shadow[1:4]], uuid_bytes(shadow[0]), *shadow[4:])
        session.change(_insert_of(len(some)), parameters)


@lru_cache(maxsize=ROWS_A_STATEMENT)
def _insert_of(rows: int) -> str:
    marks = f"({', '.join('?' * (2 + len(_SHADOW_COLUMNS)))})"
    return _INSERT_SHADOWS.format(rows=", ".join([marks] * rows))


def _compared(row: Row, challenger: Sequence[str]) -> tuple[StoredDecision, ShadowDecision]:
    decision = kept_decision(row[: len(DECISION_COLUMNS)])
    return decision, ShadowDecision._make((decision.decision_id, *challenger, *row[len(DECISION_COLUMNS) :]))
