"""Cases of the review queue, as transactions that store, label and erase decisions open and close them."""

from collections.abc import Iterable, Sequence

from fraud_detection_api.adapters.sql.database import Insertion, Row, Session, parts
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest

_COLUMNS = {
    "decision_id": bytes,
    "kind": str,
    "opened_at": int,
    "expected_loss": float,
    "weight": float,
    "reason": str,
    "risk_score": int,
}
_INSERTION = Insertion("reviews", _COLUMNS, key=["decision_id"])

_CODE = '"code":"'

_WAITING = """
SELECT decision_id FROM decisions WHERE decision_id IN ({marks}) AND record IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM labels WHERE labels.decision_id = decisions.decision_id)"""


def cases_of(requests: Iterable[StoredRequest]) -> list[Row]:
    """A row for each decision that goes to review."""
    return [
        case_row(row, "review", row.decided_at, (request.losses or {}).get(row.decision_id))
        for request in requests
        for row in request.decisions
        if row.outcome == "review"
    ]


def case_row(row: StoredDecision, kind: str, opened_at: int, loss: float | None) -> Row:
    """The row of a case. One whose loss is not known weighs what its probability is: less than any loss that matters."""
    weight = loss if loss is not None else row.fraud_probability or 0.0
    identifier = uuid_bytes(row.decision_id)
    return (identifier, kind, opened_at, loss, weight, _first_code(row), row.risk_score)


def open_cases(session: Session, cases: Sequence[Row], *, are_new: bool) -> None:
    """Put decisions that were just stored into the queue.

    A decision that was stored before may have been labelled or erased since, and stays out then.
    """
    if not are_new:
        waiting = {
            bytes(packed)
            for marks, some in parts([case[0] for case in cases])
            for (packed,) in session.rows(_WAITING.format(marks=marks), some)
        }
        cases = [case for case in cases if case[0] in waiting]
    session.insert(_INSERTION, cases)


def close_cases(session: Session, decision_ids: Sequence[bytes]) -> None:
    """Take decisions out of the queue, as far as they are in it."""
    for marks, some in parts(decision_ids):
        session.change(f"DELETE FROM reviews WHERE decision_id IN ({marks})", some)  # noqa: S608


def remove_golden(session: Session, decision_ids: Sequence[bytes]) -> None:
    """Stop checking reviewers by these decisions; their past verdicts stay."""
    for marks, some in parts(decision_ids):
        for table in ("golden_leases", "golden_decisions"):
            session.change(f"DELETE FROM {table} WHERE decision_id IN ({marks})", some)  # noqa: S608


def erase_verdict_notes(session: Session, decision_ids: Sequence[bytes]) -> None:
    """Remove what reviewers wrote about decisions; that they said something stays."""
    for marks, some in parts(decision_ids):
        session.change(f"UPDATE review_verdicts SET note = '' WHERE decision_id IN ({marks})", some)  # noqa: S608


def _first_code(row: StoredDecision) -> str:
    """The code of the strongest reason; that of a warning where there is no reason; empty where there is neither.

    Found as text: whatever the text is, the decision is stored.
    """
    for text in (row.reasons, row.warnings):
        if code := (text or "").partition(_CODE)[2].partition('"')[0]:
            return code
    return ""
