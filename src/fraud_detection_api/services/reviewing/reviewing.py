"""Reviews decisions: lists the queue, leases cases, and records what people say about them."""

import hmac
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.decision.label import LONGEST_NOTE, Label
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.services.accounts.account_store import AuditLine, Deed
from fraud_detection_api.services.accounts.trail import NOBODY
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.reviewing.refusals import UnfitNote
from fraud_detection_api.services.reviewing.review_store import (
    Act,
    Case,
    CaseFilter,
    CaseKey,
    Length,
    QueueOrder,
    Reviewer,
    ReviewStore,
    Verdict,
    VerdictKind,
)
from fraud_detection_api.services.storage.decision_store import DecisionStore

LEASE_SECONDS = 600
"""A lease ends by itself, so a case that somebody walked away from is free again."""

MOST_COUNTED = 10_000
"""Counting stops there, so that the page stays quick whatever waits."""

LONGEST_FILTER_NAME, MOST_FILTERS = 60, 50


class ReviewShares(NamedTuple):
    """Shares of checks: of the cases that a person takes, golden decisions; of the labels, those that a second confirms."""

    golden: float = 0.02
    second: float = 0.05


_DEEDS: Mapping[VerdictKind, Deed] = {
    "fraud": "labelled_fraud",
    "legitimate": "labelled_legitimate",
    "unsure": "left_unsure",
    "escalate": "escalated",
    "note": "noted",
    "release": "released",
    "appeal": "appealed",
}


class QueueQuery(NamedTuple):
    """What a person wants to see of the queue: all that is not None must hold; `entity_id` is as people write it."""

    order: QueueOrder = "loss"
    is_escalated: bool = False
    reason: str | None = None
    entity_id: str | None = None
    min_risk_score: int | None = None
    max_risk_score: int | None = None


class QueuePage(NamedTuple):
    """Cases in the query's order, with their decisions by id, and the key of the next page; None on the last one.

    `now` says which leases have ended.
    """

    cases: list[Case]
    decisions: Mapping[str, StoredDecision]
    next_key: CaseKey | None
    now: int


class Progress(NamedTuple):
    """How far a person and the queue are: labels that the person gave since a time, and the queues' lengths."""

    labelled: int
    waiting: Length
    escalated: Length


class ReviewStores(NamedTuple):
    """The queue, and what its cases are about."""

    reviews: ReviewStore
    decisions: DecisionStore
    labels: LabelStore


_NO_CHECKS = ReviewShares(0.0, 0.0)


class ReviewService:
    """The queue, for people. Raises NoStore without a store, and StoreUnavailable. The clock is in seconds."""

    def __init__(
        self,
        stores: ReviewStores | None,
        recorder: Recorder,
        *,
        shares: ReviewShares = _NO_CHECKS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._configured, self._recorder, self._shares = stores, recorder, shares
        self._wall_clock = wall_clock

    def page(self, query: QueueQuery, *, limit: int, after: CaseKey | None = None) -> QueuePage:
        """The first cases, or those after a key."""
        cases = self._store.page(self._filter(query), limit=limit + 1, after=after)
        last = cases[limit - 1] if len(cases) > limit else None
        found = self._stores.decisions.find_each([case.decision_id for case in cases[:limit]])
        decisions = {row.decision_id: row for row in found}
        shown = [case for case in cases[:limit] if case.decision_id in decisions]  # others were just removed
        return QueuePage(shown, decisions, None if last is None else (last.weight, last.decision_id), self._now())

    def lengths(self) -> tuple[Length, Length]:
        """Those of the cases that wait for anybody, and of those that wait for a lead."""
        waiting, escalated = (
            self._store.length(is_escalated=is_escalated, most=MOST_COUNTED) for is_escalated in (False, True)
        )
        return waiting, escalated

    def progress(self, who: str, *, since: int) -> Progress:
        """How far a person and the queue are."""
        return Progress(self._store.labelled_since(who, since), *self.lengths())

    def take_next(self, reviewer: Reviewer, query: QueueQuery) -> str | None:
        """Lease the first case that is free; returns its decision's id. To a lead, escalated cases come first.

        Now and then it is a golden decision. A filter would betray that, so it is followed.
        """
        now, chosen = self._now(), self._filter(query)
        if (
            query == QueueQuery(order=query.order)
            and self._is_checked_now(reviewer, now)
            and (golden := self._store.take_golden(reviewer, until=_until(now))) is not None
        ):
            return golden
        for is_escalated in (True, False) if reviewer.is_lead else (False,):
            where = chosen._replace(is_escalated=is_escalated)
            if (taken := self._store.take_next(where, reviewer, now=now, until=_until(now))) is not None:
                return taken
        return None

    def open(self, decision_id: str, who: str, reviewer: Reviewer | None) -> Case | None:
        """The case of a decision, leased to the reviewer if it is free; None if there is none. The trail says who looked.

        Raises UnknownDecision.
        """
        now = self._now()
        line = AuditLine(now, who, "case_viewed", decision_id)
        return self._store.open(decision_id, reviewer, line, until=_until(now))

    def decision(self, decision_id: str) -> StoredDecision:
        """The decision that a case is about. Raises UnknownDecision."""
        return self._stores.decisions.find(decision_id)

    def labels(self, decision_id: str) -> list[Label]:
        """All labels of a decision, in the order of recording. Raises UnknownDecision."""
        return self._stores.labels.history(decision_id)

    def act(self, decision_id: str, verdict: VerdictKind, reviewer: Reviewer, note: str) -> None:
        """Record what the reviewer says. Raises CaseClosed, CaseTaken, CaseEscalated, UnknownDecision, UnfitNote."""
        act = self._act(decision_id, verdict, reviewer, note)
        self._store.act(act, until=_until(act.line.at))

    def has_check(self, decision_id: str, reviewer: Reviewer) -> bool:
        """Whether the reviewer must not see what is known of the decision, as they are to judge it themselves."""
        return self._store.has_check(decision_id, reviewer)

    def appeal(self, decision_id: str, reviewer: Reviewer, note: str, *, loss: float | None) -> None:
        """Put a decision into the queue for another look, which may correct a verdict.

        `loss` is what approving it is expected to cost, if that is known.

        Raises NotAppealable, UnknownDecision, UnfitNote.
        """
        self._store.appeal(self._act(decision_id, "appeal", reviewer, note), loss)

    def verdicts(self, decision_id: str) -> list[Verdict]:
        """What people said about a decision, in order. Raises UnknownDecision."""
        return self._store.verdicts(decision_id)

    def now(self) -> int:
        """The time by which leases end, in milliseconds since 1970."""
        return self._now()

    def filters(self, owner: str) -> list[tuple[str, str]]:
        """Names and queries that a person saved."""
        return self._store.filters(owner)

    def save_filter(self, owner: str, name: str, query: str) -> None:
        """Save a query of the queue. Raises UnfitNote for a name that is empty or too long, or when there are too many."""
        name = name.strip()
        if not 1 <= len(name) <= LONGEST_FILTER_NAME or not name.isprintable():
            raise UnfitNote(f"the name of a filter has 1 to {LONGEST_FILTER_NAME} characters")
        saved = dict(self._store.filters(owner))
        if name not in saved and len(saved) >= MOST_FILTERS:
            raise UnfitNote(f"there are {MOST_FILTERS} saved filters; remove one first")
        self._store.save_filter(owner, name, query)

    def remove_filter(self, owner: str, name: str) -> None:
        """Remove a saved query."""
        self._store.remove_filter(owner, name)

    @property
    def _store(self) -> ReviewStore:
        return self._stores.reviews

    @property
    def _stores(self) -> ReviewStores:
        if self._configured is None:
            raise NoStore
        return self._configured

    def _act(self, decision_id: str, verdict: VerdictKind, reviewer: Reviewer, note: str) -> Act:
        note = _fit(note)
        if verdict == "note" and not note:
            raise UnfitNote("a note needs a text")
        line = AuditLine(self._now(), reviewer.name, _DEEDS[verdict], decision_id)
        return Act(decision_id, verdict, reviewer, note, line, self._asks_second(decision_id, reviewer))

    def _is_checked_now(self, reviewer: Reviewer, now: int) -> bool:
        """By what the person said today, so that it holds until they said something."""
        if not self._shares.golden or reviewer.name == NOBODY:
            return False
        day = now // DAY_MS
        said = self._store.said_since(reviewer.name, day * DAY_MS)
        return self._is_chosen(f"golden {reviewer.name} {day} {said}", self._shares.golden)

    def _asks_second(self, decision_id: str, reviewer: Reviewer) -> bool:
        return reviewer.name != NOBODY and self._is_chosen(f"second {decision_id}", self._shares.second)

    def _is_chosen(self, text: str, share: float) -> bool:
        """The same answer for the same text. Without the key of the seals, nobody can know it before."""
        digest = hmac.digest(self._recorder.seal_key, text.encode(), "sha256")
        return int.from_bytes(digest[:8]) < share * 2**64

    def _filter(self, query: QueueQuery) -> CaseFilter:
        entities = [] if query.entity_id is None else self._recorder.entities(query.entity_id)
        if query.entity_id is not None:
            entities.append(query.entity_id)  # it may be a pseudonym itself
        scores = query.min_risk_score, query.max_risk_score
        return CaseFilter(query.order, query.is_escalated, query.reason, tuple(entities), *scores)

    def _now(self) -> int:
        return int(self._wall_clock() * 1000)


def _until(now: int) -> int:
    return now + LEASE_SECONDS * 1000


def _fit(note: str) -> str:
    """The note as it is stored. Browsers send line ends as two characters. Raises UnfitNote."""
    note = note.replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        raise UnfitNote(f"a note has at most {LONGEST_NOTE} characters")
    if "\0" in note:  # PostgreSQL stores every other character
        raise UnfitNote("a note has a character that cannot be stored")
    return note
