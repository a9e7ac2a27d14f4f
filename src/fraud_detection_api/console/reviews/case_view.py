"""The view of a case: what was decided, what people said, and what the person may do now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fraud_detection_api.console.decisions.view import DecisionReader, DecisionView
from fraud_detection_api.console.reviews.queue_view import Lease, QueueReader, count, lease_of, money
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.reviewing.review_store import Case, CaseKind, Reviewer, Verdict, VerdictKind
from fraud_detection_api.services.reviewing.reviewing import ReviewService

CaseState = Literal["yours", "taken", "for_leads", "readable", "closed"]
"""For the person: theirs to decide; somebody else's; waiting for a lead; only to be read; or not in the queue."""


class Said(NamedTuple):
    """What somebody said of a case, and when."""

    at: str
    who: str
    what: VerdictKind
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
    """What the page shows: the decision, what the person may do with it, and what people said who gave it no label.

    `loss` is empty where what approving it would cost is not known. `labelled` is what the person labelled today.
    """

    actions: CaseActions
    decision: DecisionView
    loss: str
    said: tuple[Said, ...]
    was_done: bool
    labelled: int
    waiting: str


@dataclass(frozen=True, slots=True)
class CaseReader:
    """Reads the case of a decision for a person, and leases it to them."""

    reviews: ReviewService
    decisions: DecisionReader

    def open(self, decision_id: str, who: str, reviewer: Reviewer | None, query: str, *, was_done: bool) -> CaseView:
        """The case, leased to the reviewer where it is free; the trail says who looked.

        Raises UnknownDecision, StoreUnavailable, NoStore.
        """
        row = self.reviews.decision(decision_id)
        case = self.reviews.open(decision_id, who, reviewer)
        progress = QueueReader(self.reviews).progress(who)
        return CaseView(
            actions=actions_of(row, case, who, reviewer, query, self.reviews.now()),
            decision=self.decisions.view(decision_id),
            loss="" if case is None else money(case.expected_loss),
            said=said_by(self.reviews.verdicts(decision_id)),
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


def said_by(verdicts: Sequence[Verdict]) -> tuple[Said, ...]:
    """Verdicts that are no labels; labels are part of the decision."""
    return tuple(
        Said(moment(each.at), each.who, each.verdict, each.note)
        for each in verdicts
        if each.verdict not in ("fraud", "legitimate")
    )
