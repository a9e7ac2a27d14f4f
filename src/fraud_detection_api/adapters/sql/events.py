"""EventStore in SQL. A trigger queues what is stored for the log (migration 0007)."""

from collections.abc import Sequence
from typing import Any

from fraud_detection_api.adapters.sql.database import Database, Insertion, Session, parts
from fraud_detection_api.decision.event import StoredEvent
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.row_format import types_of

_TYPES = {**types_of(StoredEvent), "event_id": bytes}
_INSERTION = Insertion("events", _TYPES, key=())
_ERASE = "UPDATE events SET entity = ?, record = ?, residue = ?, seal = ? WHERE event_id = ?"
# the table itself: somebody may have changed an index
_ABOUT = "WHERE entity || '' IN ({marks}) ORDER BY event_id LIMIT ?"
_SELECT = f"SELECT {', '.join(_TYPES)} FROM events"  # noqa: S608 names of columns
_NEWEST = f"{_SELECT} WHERE entity = ? ORDER BY event_id DESC LIMIT ?"
_NEWEST_BEFORE = f"{_SELECT} WHERE entity = ? AND event_id < ? ORDER BY event_id DESC LIMIT ?"


class SqlEventStore:
    """Stores events in the database of the decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, events: Sequence[StoredEvent]) -> int:
        with self._database.writing() as session:
            return session.insert(_INSERTION, [(uuid_bytes(event[0]), *event[1:]) for event in events])

    def about(self, entity: str, *, limit: int, before: str | None = None) -> list[StoredEvent]:
        with self._database.stating() as session:
            if before is None:
                return [_event(row) for row in session.rows(_NEWEST, (entity, limit))]
            return [_event(row) for row in session.rows(_NEWEST_BEFORE, (entity, uuid_bytes(before), limit))]

    def find_each(self, event_ids: Sequence[str]) -> list[StoredEvent]:
        with self._database.reading() as session:
            return events_of(session, [uuid_bytes(event_id) for event_id in event_ids])


def events_of(session: Session, event_ids: Sequence[bytes]) -> list[StoredEvent]:
    """Those of the events that are stored, in no order."""
    return [
        _event(row)
        for marks, some in parts(event_ids)
        for row in session.rows(f"{_SELECT} WHERE event_id IN ({marks})", some)
    ]


def events_about(session: Session, entities: Sequence[str], limit: int) -> list[StoredEvent]:
    """The first events about these entities, by their ids."""
    about = _ABOUT.format(marks=", ".join("?" * len(entities)))
    return [_event(row) for row in session.rows(f"{_SELECT} {about}", (*entities, limit))]


def erase_events(session: Session, erased: Sequence[StoredEvent]) -> None:
    """Write what an erasure changes, and the seal."""
    session.change_each(
        _ERASE,
        [(each.entity, each.record, each.residue, each.seal, uuid_bytes(each.event_id)) for each in erased],
    )


def _event(values: Sequence[Any]) -> StoredEvent:
    identifier, *others = values
    return StoredEvent(uuid_text(identifier), *others)
