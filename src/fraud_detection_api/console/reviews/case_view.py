"""The view of a case: what was decided, what people said, and what the person may do now."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic_core import from_json

from fraud_detection_api.console.reviews.queue_view import (
    Lease,
    QueueReader,
    ShownReason,
    count,
    entity_text,
    lease_of,
    money,
    reasons_of,
)
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.decision.decided import warnings_of
from fraud_detection_api.decision.label import Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.reviewing.review_store import Case, CaseKind, Reviewer, Verdict
from fraud_detection_api.services.reviewing.reviewing import ReviewService

CaseState = Literal["yours", "taken", "for_leads", "readable", "closed"]
"""For the person: theirs to decide; somebody else's; waiting for a lead; only to be read; or not in the queue."""


class Said(NamedTuple):
    """What somebody said, when: a verdict or a label, whose source is empty for a verdict."""

    at: str
    who: str
    what: str
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class CaseActions:
    """What a person may do with a decision now, and what they need to know for it."""

    decision_id: str
    state: CaseState
    kind: CaseKind | None
    lease: Lease | None
    is_escalated: bool
    may_appeal: bool
    may_review: bool
    query: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """What the page shows. Numbers that are not known are empty, and so is the record of an erased decision."""

    actions: CaseActions
    decided: str
    outcome: Outcome
    source: str
    model: str
    entity: str
    probability: str
    risk_score: str
    loss: str
    record: tuple[tuple[str, str], ...]
    reasons: tuple[ShownReason, ...]
    warnings: tuple[tuple[str, str], ...]
    said: tuple[Said, ...]
    was_done: bool
    labelled: int
    waiting: str


@dataclass(frozen=True, slots=True)
class CaseReader:
    """Reads the case of a decision for a person, and leases it to them."""

    reviews: ReviewService

    def open(self, decision_id: str, who: str, reviewer: Reviewer | None, query: str, *, was_done: bool) -> CaseView:
        """The case, leased to the reviewer where it is free; the trail says who looked.

        Raises UnknownDecision, StoreUnavailable, NoStore.
        """
        row = self.reviews.decision(decision_id)
        case = self.reviews.open(decision_id, who, reviewer)
        said = _said(self.reviews.verdicts(decision_id), self.reviews.labels(decision_id))
        progress = QueueReader(self.reviews).progress(who)
        return CaseView(
            actions=actions_of(row, case, who, reviewer, query, self.reviews.now()),
            decided=moment(row.decided_at),
            outcome=row.outcome,
            source=row.source,
            model=row.model_version,
            entity=entity_text(row.entity),
            probability="" if row.fraud_probability is None else f"{100 * row.fraud_probability:.1f} %",
            risk_score="" if row.risk_score is None else str(row.risk_score),
            loss="" if case is None else money(case.expected_loss),
            record=_record(row.record),
            reasons=tuple(reasons_of(row.reasons)),
            warnings=_warnings(row.warnings),
            said=said,
            was_done=was_done,
            labelled=progress.labelled,
            waiting=count(progress.waiting),
        )


def actions_of(
    row: StoredDecision, case: Case | None, who: str, reviewer: Reviewer | None, query: str, now: int
) -> CaseActions:
    """What the person may do with the decision."""
    is_appealable = case is None and row.outcome == "decline" and row.record is not None
    return CaseActions(
        decision_id=row.decision_id,
        state=_state(case, who, reviewer, now),
        kind=None if case is None else case.kind,
        lease=None if case is None else lease_of(case, who, now),
        is_escalated=case is not None and case.is_escalated,
        may_appeal=is_appealable and reviewer is not None,
        may_review=reviewer is not None,
        query=query,
    )


def _state(case: Case | None, who: str, reviewer: Reviewer | None, now: int) -> CaseState:
    if case is None:
        return "closed"
    if reviewer is None:
        return "readable"
    if case.is_escalated and not reviewer.is_lead:
        return "for_leads"
    return "yours" if case.holder(now) == who else "taken"


def _said(verdicts: list[Verdict], labels: list[Label]) -> tuple[Said, ...]:
    """Verdicts that are no labels, and labels, in the order of time."""
    spoken = [
        (each.at, Said(moment(each.at), each.who, each.verdict, "", each.note))
        for each in verdicts
        if each.verdict not in ("fraud", "legitimate")
    ]
    found = [
        (
            label.recorded_at,
            Said(
                moment(label.recorded_at),
                label.reviewer or "",
                "fraud" if label.is_fraud else "legitimate",
                label.source,
                label.note,
            ),
        )
        for label in labels
    ]
    return tuple(said for _, said in sorted([*spoken, *found], key=lambda pair: pair[0]))


def _record(text: str | None) -> tuple[tuple[str, str], ...]:
    """Fields and values of the record as it was sent."""
    try:
        record = from_json(text or "{}")
        return tuple((str(name), "" if value is None else str(value)) for name, value in record.items())
    except (ValueError, AttributeError):  # another hand wrote it
        return ()


def _warnings(text: str | None) -> tuple[tuple[str, str], ...]:
    """Code and field of each warning."""
    try:
        return tuple((each.code, each.field) for each in warnings_of(text or "[]"))
    except (ValueError, LookupError, TypeError):
        return ()
