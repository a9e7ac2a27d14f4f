"""Queries of the queue as addresses have them, so that a query can be saved, sent and gone back to."""

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.services.reviewing.review_store import CaseKey
from fraud_detection_api.services.reviewing.reviewing import QueueQuery

HIGHEST_SCORE = 999
_LONGEST = 200
"""Characters of a value: no reason's code and no id of an entity is longer."""


def query_of(fields: Mapping[str, str]) -> QueueQuery:
    """The query in an address or a form. What cannot be read is as if it were not there.

    >>> query_of({"order": "age", "entity": " C-1 ", "min": "high"})
    QueueQuery(order='age', is_escalated=False, reason=None, entity_id='C-1', min_risk_score=None, max_risk_score=None)
    """
    return QueueQuery(
        order="age" if fields.get("order") == "age" else "loss",
        is_escalated=fields.get("escalated") == "1",
        reason=_text(fields, "reason"),
        entity_id=_text(fields, "entity"),
        min_risk_score=_score(fields, "min"),
        max_risk_score=_score(fields, "max"),
    )


def query_text(query: QueueQuery, after: CaseKey | None = None) -> str:
    """The query as a part of an address; empty for the one that asks for nothing.

    >>> query_text(QueueQuery(order="age", reason="a b")), query_text(QueueQuery())
    ('order=age&reason=a+b', '')
    """
    order, is_escalated, reason, entity_id, lowest, highest = query
    fields = {
        "order": None if order == "loss" else order,
        "escalated": "1" if is_escalated else None,
        "reason": reason,
        "entity": entity_id,
        "min": lowest,
        "max": highest,
        "after": None if after is None else f"{after[0]!r}_{after[1]}",
    }
    return urlencode({name: value for name, value in fields.items() if value is not None})


def saved_query(text: str) -> QueueQuery:
    """The query of what `query_text` made."""
    return query_of(dict(parse_qsl(text)))


def key_of(fields: Mapping[str, str]) -> CaseKey | None:
    """Where a page of the queue begins; None at the front, and where the address has no readable key."""
    sorted_by, _, decision_id = fields.get("after", "").partition("_")
    try:
        uuid_bytes(decision_id)
        number = float(sorted_by)
    except ValueError:
        return None
    return (number, decision_id) if math.isfinite(number) else None


def _text(fields: Mapping[str, str], name: str) -> str | None:
    text = fields.get(name, "").strip().replace("\0", "")
    return text[:_LONGEST] or None


def _score(fields: Mapping[str, str], name: str) -> int | None:
    digits = fields.get(name, "").strip()
    return min(int(digits), HIGHEST_SCORE) if digits.isascii() and digits.isdecimal() and len(digits) < 5 else None
