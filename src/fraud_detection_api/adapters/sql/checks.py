"""Checks of reviewers, in the transactions of the queue: golden decisions, and verdicts on cases and checks."""

from typing import NamedTuple

from fraud_detection_api.adapters.sql.accounts import AUDIT
from fraud_detection_api.adapters.sql.cases import case_row
from fraud_detection_api.adapters.sql.database import Session
from fraud_detection_api.adapters.sql.decisions import decisions_of
from fraud_detection_api.decision.identifiers import uuid_bytes
from fraud_detection_api.services.reviewing.review_store import Act, Case, CheckKind, Reviewer, VerdictKind

# a note alone is no verdict; whoever chose the decision knows its truth, and an empty queue would betray it
_TAKE = """
INSERT INTO golden_leases (who, decision_id, leased_until)
SELECT ?, golden.decision_id, ? FROM golden_decisions AS golden
WHERE golden.added_by <> ?
  AND EXISTS (SELECT 1 FROM reviews WHERE is_escalated = 0)
  AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.decision_id = golden.decision_id)
  AND NOT EXISTS (
    SELECT 1 FROM review_verdicts AS said
    WHERE said.decision_id = golden.decision_id AND said.who = ? AND NOT (said.kind = 'golden' AND said.verdict = 'note'))
ORDER BY golden.decision_id DESC LIMIT 1
ON CONFLICT (who) DO UPDATE SET decision_id = excluded.decision_id, leased_until = excluded.leased_until
RETURNING decision_id"""

_LEASED = """
SELECT golden.is_fraud, golden.expected_loss, leases.leased_until
FROM golden_leases AS leases JOIN golden_decisions AS golden ON golden.decision_id = leases.decision_id
WHERE leases.who = ? AND leases.decision_id = ?"""

_RENEW = "UPDATE golden_leases SET leased_until = ? WHERE who = ?"
_END = "DELETE FROM golden_leases WHERE who = ?"

_SAY = """
INSERT INTO review_verdicts (decision_id, at, who, verdict, note, kind, expected, first_by, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_FIRST = """
SELECT verdict FROM review_verdicts
WHERE decision_id = ? AND who = ? AND kind = 'case' AND verdict IN ('fraud', 'legitimate')
ORDER BY verdict_id DESC LIMIT 1"""

_LABELS: tuple[VerdictKind, ...] = ("fraud", "legitimate")
_UNDECIDED: tuple[VerdictKind, ...] = ("unsure", "escalate")


class Check(NamedTuple):
    """What a verdict is compared with: the truth, or the verdict of another person."""

    kind: CheckKind
    expected: str
    first_by: str
    reason: str


def take_golden(session: Session, reviewer: Reviewer, until: int) -> bytes | None:
    """Lease a golden decision, or renew the lease of the one that the reviewer has."""
    taken = session.rows(_TAKE, (reviewer.name, until, reviewer.name, reviewer.name))
    return bytes(taken[0][0]) if taken else None


def golden_case(session: Session, packed: bytes, who: str) -> tuple[Case, Check] | None:
    """The golden decision that a reviewer has to judge, as if it were a case, and its truth."""
    leased = session.rows(_LEASED, (who, packed))
    rows = decisions_of(session, [packed]) if leased else []
    if not rows:
        return None
    [(is_fraud, loss, until)], [row] = leased, rows
    _, *columns = case_row(row, "review", row.decided_at, loss)
    case = Case._make((row.decision_id, *columns, who, until, False, 0, "", True))
    return case, Check("golden", _LABELS[not is_fraud], "", case.reason)


def renew_golden(session: Session, who: str, until: int) -> None:
    """Give a reviewer more time for the golden decision that they have."""
    session.change(_RENEW, (until, who))


def judge_golden(session: Session, act: Act, check: Check, until: int) -> None:
    """Record what a reviewer says of a golden decision, which nothing follows from."""
    if act.verdict == "note":
        renew_golden(session, act.reviewer.name, until)
    else:
        session.change(_END, (act.reviewer.name,))
    say(session, act, check)


def second_review(session: Session, case: Case) -> Check:
    """What the second verdict on a case is compared with."""
    first = session.rows(_FIRST, (uuid_bytes(case.decision_id), case.first_by))
    return Check("second", first[0][0] if first else "", case.first_by, case.reason)


def say(session: Session, act: Act, check: Check | None = None) -> None:
    """Store a verdict and its line in the audit trail, which names no label for a check.

    Releasing a case is no verdict.
    """
    if act.verdict != "release":
        about = ("case", "", "", "") if check is None else check
        said = (uuid_bytes(act.decision_id), act.line.at, act.reviewer.name, act.verdict, act.note)
        session.change(_SAY, (*said, *about))
    is_answer = act.verdict in _LABELS or (check is not None and check.kind == "golden" and act.verdict in _UNDECIDED)
    is_judged = check is not None and is_answer
    session.change(AUDIT, act.line._replace(what="check_judged") if is_judged else act.line)
