"""The view of a case: what was decided, what people said, and what the person may do now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fraud_detection_api.console.decisions.view import DecisionReader, DecisionView
from fraud_detection_api.console.reviews.queue_view import Lease, count, lease_of, midnight, money
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.reviewing.quality import QualityService
from fraud_detection_api.services.reviewing.review_store import (
    Case,
    CaseKind,
    CheckKind,
    Reviewer,
    Verdict,
    VerdictKind,
)
from fraud_detection_api.services.reviewing.reviewing import ReviewService

GoldenState = Literal["", "can_be", "is"]
"""Whether the person may have others checked by the decision, or it is used already."""

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


class Done(NamedTuple):
    """What follows a verdict on the case before: that, labels that the person gave today, and how many cases wait."""

    verdict: str
    labelled: int
    waiting: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """What the page shows: the decision, what the person may do with it, and what people said who gave it no label.

    `loss` is empty where what approving it would cost is not known. `done` follows a verdict. A page
    that checks the person is a usual one, without what others found out.
    """

    actions: CaseActions
    decision: DecisionView
    loss: str
    said: tuple[Said, ...]
    done: Done | None
    golden: GoldenState


@dataclass(frozen=True, slots=True)
class CaseReader:
    """Reads the case of a decision for a person, and leases it to them."""

    reviews: ReviewService
    decisions: DecisionReader
    quality: QualityService

    def open(self, decision_id: str, who: str, reviewer: Reviewer | None, query: str, *, done: str) -> CaseView:
        """The case, leased to the reviewer where it is free; the trail says who looked.

        Raises UnknownDecision, StoreUnavailable, NoStore.
        """
        row = self.reviews.decision(decision_id)
        case = self.reviews.open(decision_id, who, reviewer)
        check = None if case is None or reviewer is None or case.first_by == who else case.check
        decision = self.decisions.view(decision_id, is_blind=check is not None)
        return CaseView(
            actions=actions_of(row, case, who, reviewer, query, self.reviews.now()),
            decision=decision,
            loss="" if case is None else money(case.expected_loss),
            said=said_by(self.reviews.verdicts(decision_id), who, check),
            done=self._done(who, done) if done else None,
            golden=self._golden(decision, case, reviewer),
        )

    def _done(self, who: str, verdict: str) -> Done:
        progress = self.reviews.progress(who, since=midnight(self.reviews.now()))
        return Done(verdict, progress.labelled, count(progress.waiting))

    def _golden(self, decision: DecisionView, case: Case | None, reviewer: Reviewer | None) -> GoldenState:
        if reviewer is None or not reviewer.is_lead or case is not None:
            return ""
        if self.quality.is_golden(decision.decision_id):
            return "is"
        return "can_be" if decision.outcome == "review" and decision.label and not decision.is_erased else ""


def actions_of(
    row: StoredDecision, case: Case | None, who: str, reviewer: Reviewer | None, query: str, now: int
) -> CaseActions:
    """What the person may do with the decision."""
    return CaseActions(
        decision_id=row.decision_id,
        state=_state(case, who, reviewer, now),
        kind=None if case is None else case.kind,
        lease=None if case is None else lease_of(case, who, now),
        is_escalated=case is not None and case.is_escalated,
        may_appeal=case is None and row.record is not None and reviewer is not None,
        may_review=reviewer is not None,
        query=query,
    )


def _state(case: Case | None, who: str, reviewer: Reviewer | None, now: int) -> CaseState:
    if case is None:
        return "closed"
    if reviewer is None:
        return "readable"
    if case.check == "second" and case.first_by == who:
        return "closed"
    if case.is_escalated and not reviewer.is_lead:
        return "for_leads"
    return "yours" if case.holder(now) == who else "taken"


def said_by(verdicts: Sequence[Verdict], who: str, check: CheckKind | None) -> tuple[Said, ...]:
    """Verdicts that are no labels, which are part of the decision, and those of second reviews.

    Whoever is checked sees their own verdicts alone. Verdicts on golden decisions are shown to nobody else.
    """

    def is_shown(verdict: Verdict) -> bool:
        if check is not None:
            return verdict.who == who and verdict.check == check
        is_label = verdict.verdict in ("fraud", "legitimate") and verdict.check is None
        return not is_label and verdict.check != "golden"

    return tuple(Said(moment(each.at), each.who, each.verdict, each.note) for each in verdicts if is_shown(each))
