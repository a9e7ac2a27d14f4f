"""The view of the queue: the cases that wait, and how far a person is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fraud_detection_api.console.decisions.life import amount_text, record_of
from fraud_detection_api.console.decisions.links import entity_text
from fraud_detection_api.console.decisions.reasons import stored_reasons
from fraud_detection_api.console.reviews.queries import done_of, key_of, query_text, read_query
from fraud_detection_api.console.views.service import moment
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.reviewing.review_store import Case, CaseKind, Length, Reviewer
from fraud_detection_api.services.reviewing.reviewing import MOST_COUNTED, QueueQuery, ReviewService

CASES_A_PAGE = 25
FIELDS = ("reason", "entity", "min", "max")
"""Fields that somebody types into."""

_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000

LeaseState = Literal["free", "yours", "taken"]


class Lease(NamedTuple):
    """Who has a case, until when; both are empty while nobody has it."""

    state: LeaseState
    holder: str
    until: str


class CaseRow(NamedTuple):
    """A line of the list. What is not known is empty."""

    decision_id: str
    opened: str
    age: str
    kind: CaseKind
    entity: str
    risk_score: str
    amount: str
    loss: str
    reason: str
    reason_code: str
    unsure: int
    lease: Lease


class SavedFilter(NamedTuple):
    """A query that the person saved under a name."""

    name: str
    query: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """What the page shows. `query` is the one that is shown, `next_query` that of the next page, empty on the last one.

    `texts` are those of FIELDS, and `problems` what is wrong with them: such a field counts as empty.
    `labelled` is what the person labelled today; None for those who only look.
    """

    asked: QueueQuery
    texts: Mapping[str, str]
    problems: Mapping[str, str]
    query: str
    waiting: str
    oldest: str
    escalated: str
    labelled: int | None
    rows: tuple[CaseRow, ...]
    is_first: bool
    next_query: str
    filters: tuple[SavedFilter, ...]
    may_review: bool
    is_lead: bool
    done: str


@dataclass(frozen=True, slots=True)
class QueueReader:
    """Reads the queue for a person."""

    reviews: ReviewService

    def view(
        self, fields: Mapping[str, str], who: str, reviewer: Reviewer | None, contract: Contract | None
    ) -> QueueView:
        """A page of the queue, as the fields of its address ask for it. Raises StoreUnavailable, NoStore."""
        (query, problems), after = read_query(fields), key_of(fields)
        page = self.reviews.page(query, limit=CASES_A_PAGE, after=after)
        progress = self.reviews.progress(who, since=midnight(page.now))
        shown = progress.escalated if query.is_escalated else progress.waiting
        rows = (case_row(case, page.decisions[case.decision_id], contract, who, page.now) for case in page.cases)
        return QueueView(
            asked=query,
            texts={name: fields.get(name, "").strip() for name in FIELDS},
            problems=problems,
            query=query_text(query),
            waiting=count(progress.waiting),
            oldest="" if shown.oldest is None else age(page.now - shown.oldest),
            escalated=count(progress.escalated),
            labelled=None if reviewer is None else progress.labelled,
            rows=tuple(rows),
            is_first=after is None,
            next_query="" if page.next_key is None else query_text(query, page.next_key),
            filters=tuple(SavedFilter(*saved) for saved in self.reviews.filters(who)),
            may_review=reviewer is not None,
            is_lead=reviewer is not None and reviewer.is_lead,
            done=done_of(fields),
        )


def case_row(case: Case, row: StoredDecision, contract: Contract | None, who: str, now: int) -> CaseRow:
    """A case as a line of the list; the contract says which column is the amount."""
    reasons = stored_reasons(row.reasons)
    return CaseRow(
        case.decision_id,
        moment(case.opened_at),
        age(now - case.opened_at),
        case.kind,
        "" if row.entity is None else entity_text(row.entity),
        "" if case.risk_score is None else str(case.risk_score),
        amount_text(contract, record_of(row.record)),
        money(case.expected_loss),
        reasons[0].text if reasons else case.reason,
        case.reason,
        case.unsure,
        lease_of(case, who, now),
    )


def lease_of(case: Case, who: str, now: int) -> Lease:
    """Who has the case, as that person sees it."""
    holder = case.holder(now)
    if holder is None:
        return Lease("free", "", "")
    return Lease("yours" if holder == who else "taken", holder, f"{moment(case.leased_until)[11:16]} UTC")


def money(amount: float | None) -> str:
    """An amount in the policy's currency, to the unit where it is large.

    >>> money(1234.5), money(0.25), money(None)
    ('1,234', '0.25', '')
    """
    if amount is None:
        return ""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"


def age(milliseconds: int) -> str:
    """How long ago, in the two largest units.

    >>> age(93_784_000), age(59_000), age(-5)
    ('1 d 2 h', '0 min', '0 min')
    """
    days, rest = divmod(max(milliseconds, 0), _DAY_MS)
    hours, rest = divmod(rest, _HOUR_MS)
    minutes = rest // _MINUTE_MS
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min"


def midnight(now: int) -> int:
    """When the day in UTC began."""
    return now - now % _DAY_MS


def count(length: Length) -> str:
    """How many cases; with a plus where counting stopped."""
    return f"{length.cases:,}{'+' if length.cases >= MOST_COUNTED else ''}"
