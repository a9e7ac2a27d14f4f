"""Decisions in SQL: the statements on `decisions` and `deciders` follow from the declaration of a stored decision."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fraud_detection_api.adapters.sql.database import Insertion, Row, Session, SharedRows
from fraud_detection_api.decision.identifiers import uuid_bytes, uuid_text
from fraud_detection_api.decision.row_format import columns_of, picked
from fraud_detection_api.decision.stored import StoredDecision

_ID, _DECIDER_ID = "decision_id", "decider_id"


class DecisionTable:
    """Rows of a type, whose first field is the decision's id.

    `select` gives the values that `decision` reads, in its `columns`. What thousands of decisions have in common, such as
    their model, is a row of `deciders`; `decider` is that part of a decision.
    """

    def __init__(self, row_type: type[StoredDecision]) -> None:
        identifier, *others = columns_of(row_type)
        own = [column for column in others if column.table == "decisions"]
        shared = [column for column in others if column.table == "deciders"]
        self._make: Callable[[Iterable[Any]], StoredDecision] = row_type._make
        self._own = picked(row_type, [column.field for column in own])
        self._insertion = Insertion("decisions", [_ID, *(column.name for column in own), _DECIDER_ID], key=[_ID])
        self.decider = picked(row_type, [column.field for column in shared])
        self.deciders = SharedRows("deciders", _DECIDER_ID, [column.name for column in shared])
        self.columns = [f"{'decision.' * (column not in shared)}{column.name}" for column in (identifier, *others)]
        self.select = f"SELECT {', '.join(self.columns)} FROM decisions AS decision JOIN deciders USING ({_DECIDER_ID})"  # noqa: S608
        erased = [column for column in own if column.is_erasable or column.field == "seal"]
        self._erased = picked(row_type, [column.field for column in erased])
        self._erase = f"UPDATE decisions SET {', '.join(f'{column.name} = ?' for column in erased)} WHERE {_ID} = ?"  # noqa: S608

    def insert(self, session: Session, rows: Iterable[StoredDecision], decider_ids: Mapping[Row, int]) -> None:
        """Add the decisions whose id is new."""
        own, decider = self._own, self.decider
        parameters = [(uuid_bytes(row.decision_id), *own(row), decider_ids[decider(row)]) for row in rows]
        self._insertion.insert(session, parameters)

    def erase(self, session: Session, rows: Iterable[StoredDecision]) -> None:
        """Write the columns that an erasure changes, and the seal."""
        session.change_each(self._erase, [(*self._erased(row), uuid_bytes(row.decision_id)) for row in rows])

    def decision(self, values: Sequence[Any]) -> StoredDecision:
        """A decision from what `select` gives."""
        identifier, *others = values
        return self._make((uuid_text(identifier), *others))


DECISIONS = DecisionTable(StoredDecision)
