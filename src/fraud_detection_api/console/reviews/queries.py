"""Queries of the queue as addresses have them, so that a query can be saved, sent and gone back to."""

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from fraud_detection_api.console.decisions.asked import Fields, parse_code, parse_text
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.services.reviewing.review_store import CaseKey
from fraud_detection_api.services.reviewing.reviewing import QueueQuery

DONE = ("fraud", "legitimate", "unsure", "escalate")
"""Verdicts after which the next case is shown, which says what they were."""


def query_of(fields: Mapping[str, str]) -> QueueQuery:
    """The query in an address or a form. What cannot be read is as if it were not there.

    >>> query_of({"order": "age", "entity": " C-1 ", "reason": "amount", "min": "high"})
    QueueQuery(order='age', is_escalated=False, reason='AMOUNT', entity_id='C-1', min_risk_score=None, max_risk_score=None)
    """
    return read_query(fields)[0]


def read_query(fields: Mapping[str, str]) -> tuple[QueueQuery, dict[str, str]]:
    """The query, and what is wrong with which field.

    >>> read_query({"min": "high"})[1].keys()
    dict_keys(['min'])
    """
    typed = Fields(fields)
    lowest, highest = typed.scores("min", "max")
    query = QueueQuery(
        order="age" if fields.get("order") == "age" else "loss",
        is_escalated=fields.get("escalated") == "1",
        reason=typed.read("reason", parse_code),
        entity_id=typed.read("entity", parse_text),
        min_risk_score=lowest,
        max_risk_score=highest,
    )
    return query, typed.problems


def done_of(fields: Mapping[str, str]) -> str:
    """What was just said about another case, as the address has it; empty if nothing was.

    >>> done_of({"done": "fraud"}), done_of({"done": "x"})
    ('fraud', '')
    """
    done = fields.get("done", "")
    return done if done in DONE else ""


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
