"""ObservationStore in SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from fraud_detection_api.adapters.sql.database import Database, Insertion, Row, Session, SharedRows, alone
from fraud_detection_api.adapters.sql.decisions import DECISIONS, have_records, id_bounds
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.row_format import picked, types_of
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.observing.observation_store import CountedSlot, ShadowDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter

_SELECT_POSITION = "SELECT position FROM observer_position"

# two observers may both believe for a moment that they lead: the one that is behind changes nothing
_MOVE = "UPDATE observer_position SET position = ? WHERE position <= ?"

_REPLACE_SLOT = """
INSERT INTO drift_slots (seconds, start, model_digest, counts) VALUES (?, ?, ?, ?)
ON CONFLICT (seconds, start, model_digest) DO UPDATE SET counts = excluded.counts"""

_SELECT_SLOTS = """
SELECT start, seconds, model_digest, counts FROM drift_slots WHERE seconds = ? AND start >= ? ORDER BY start, model_digest"""

_REMOVE_SLOTS = "DELETE FROM drift_slots WHERE start < ?"

_CHALLENGER_FIELDS = ("model_version", "model_digest", "policy_version")
_challenger = picked(ShadowDecision, _CHALLENGER_FIELDS)
_CHALLENGERS = SharedRows("challengers", "challenger_id", _CHALLENGER_FIELDS)

_OWN_FIELDS = tuple(field for field in ShadowDecision._fields if field not in {"decision_id", *_CHALLENGER_FIELDS})
_own = picked(ShadowDecision, _OWN_FIELDS)
_OWN_TYPES = {name: kind for name, kind in types_of(ShadowDecision).items() if name in _OWN_FIELDS}
_SHADOWS = Insertion(
    "shadow_decisions",
    {"challenger_id": int, "decision_id": bytes, **_OWN_TYPES},
    key=("challenger_id", "decision_id"),
)

# walk a challenger's shadows in order and look up each one's decision, never the other way round
_SELECT_COMPARED = f"""
SELECT {", ".join(f"shadow.{name}" for name in _OWN_FIELDS)}, {", ".join(DECISIONS.columns)}
FROM (SELECT decision_id, {", ".join(_OWN_FIELDS)} FROM shadow_decisions WHERE {{shadows}}) AS shadow
CROSS JOIN decisions AS decision JOIN deciders USING (decider_id)
WHERE decision.decision_id = shadow.decision_id{{decisions}}
ORDER BY shadow.decision_id LIMIT ?"""  # noqa: S608 names of columns


class SqlObservationStore:
    """Stores observations in the database of the decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def position(self) -> int:
        with self._database.reading() as session:
            rows = session.rows(_SELECT_POSITION)
        if len(rows) != 1:
            raise StoreUnavailable("the store's observer_position is missing: restore a backup")
        return int(rows[0][0])

    def record(self, position: int, slots: Sequence[CountedSlot], shadows: Sequence[ShadowDecision]) -> None:
        with self._database.writing() as session:
            if not session.change(_MOVE, (position, position)):
                raise StoreUnavailable("another observer has observed further")
            session.change_each(
                _REPLACE_SLOT,
                [(slot.seconds, slot.start, slot.model_digest, to_json(slot.counts).decode()) for slot in slots],
            )
            if shadows:
                alone(session, self._database.dialect)
                _insert(session, shadows)

    def slots(self, *, since: int, seconds: int) -> list[CountedSlot]:
        with self._database.reading() as session:
            rows = session.rows(_SELECT_SLOTS, (seconds, since))
        return [CountedSlot(start, length, digest, from_json(counts)) for start, length, digest, counts in rows]

    def compared(
        self, challenger_digest: str, where: DecisionFilter, *, limit: int, after: str | None = None
    ) -> list[tuple[StoredDecision, ShadowDecision]]:
        bounds = id_bounds(where, "ASC", after)
        of_decisions = {
            f"decision.{name} = ?": sought
            for name, sought in (("entity", where.entity), ("outcome", where.outcome))
            if sought is not None
        }
        statement = _SELECT_COMPARED.format(
            shadows=" AND ".join(["challenger_id = ?", *bounds]),
            decisions="".join(f" AND {condition}" for condition in of_decisions),
        )
        found: list[tuple[StoredDecision, ShadowDecision]] = []
        with self._database.reading() as session:
            for values, identifier in _CHALLENGERS.ids(session).items():
                challenger = dict(zip(_CHALLENGER_FIELDS, values, strict=True))
                if challenger["model_digest"] == challenger_digest:
                    rows = session.rows(statement, (identifier, *bounds.values(), *of_decisions.values(), limit))
                    found += [_compared(row, challenger) for row in rows]
        return sorted(found, key=lambda pair: pair[0].decision_id)[:limit]  # several versions may have one digest

    def remove_before(self, moment: int) -> None:
        with self._database.writing() as session:
            session.change(_REMOVE_SLOTS, (moment,))


def _insert(session: Session, shadows: Sequence[ShadowDecision]) -> None:
    identifiers = _CHALLENGERS.ids(session)
    if missing := {_challenger(shadow) for shadow in shadows} - identifiers.keys():
        _CHALLENGERS.insert(session, missing)
        identifiers = _CHALLENGERS.ids(session)
    rows = [(identifiers[_challenger(shadow)], uuid_bytes(shadow.decision_id), *_own(shadow)) for shadow in shadows]
    has_record = have_records(session, [row[1] for row in rows])  # others may be erased or removed since they were read
    session.insert(_SHADOWS, [row for row in rows if has_record.get(row[1])])


def _compared(row: Row, challenger: Mapping[str, Any]) -> tuple[StoredDecision, ShadowDecision]:
    decision = DECISIONS.decision(row[len(_OWN_FIELDS) :])
    own: dict[str, Any] = dict(zip(_OWN_FIELDS, row, strict=False))  # the decision follows
    return decision, ShadowDecision(decision_id=decision.decision_id, **challenger, **own)
