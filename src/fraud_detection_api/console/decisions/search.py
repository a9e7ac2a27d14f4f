"""The search for decisions: a form, and what was found, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fraud_detection_api.console.decisions.asked import LABEL_STATES, Asked
from fraud_detection_api.console.decisions.life import Truth, amount_text, record_of
from fraud_detection_api.console.decisions.links import entity_text
from fraud_detection_api.console.decisions.reasons import stored_reasons
from fraud_detection_api.console.decisions.values import clock
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import InvalidCursor
from fraud_detection_api.model.words import code_of
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.history.lookup import Found, History
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.storage.decision_store import Traits

ROWS, MOST_EXPORTED = 50, 10_000
"""Decisions of a page, and of an export."""

_MOST_CODES = 200


class FoundRow(NamedTuple):
    """A decision that was found. `reason` is the first one in words; `more_reasons` counts the others."""

    decision_id: str
    time: str
    entity: str
    outcome: Outcome
    risk_score: str
    amount: str
    reason: str
    more_reasons: int
    truth: Truth
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class SearchView:
    """The form as it was filled in, and what was found. `next_address` is empty on the last page.

    `is_partial` says that a bounded number of decisions was looked at, so that others may follow. `problem` is about the
    address as a whole.
    """

    texts: Mapping[str, str]
    problems: Mapping[str, str]
    problem: str
    rows: list[FoundRow]
    address: str
    next_address: str
    is_partial: bool
    is_filtered: bool
    outcomes: Sequence[str]
    label_states: Sequence[str]
    codes: list[str]
    entity_name: str
    keys: Sequence[str]
    most_exported: str = f"{MOST_EXPORTED:,}"


@dataclass(frozen=True, slots=True)
class SearchReader:
    """Searches stored decisions."""

    history: History
    champion: AliasFollower[Deployment[RecordParser]]

    @property
    def contract(self) -> Contract | None:
        """That of the model in service, whose keys can be searched for."""
        return None if self.champion.current is None else self.champion.current.contract

    def view(self, asked: Asked, cursor: str) -> SearchView:
        """What is found; nothing while a field cannot be used. Raises StoreUnavailable, NoStore."""
        problem, rows, following = "", list[FoundRow](), None
        if not asked.problems:
            try:
                page = self.history.page(asked.where, limit=ROWS, cursor=cursor or None)
            except InvalidCursor:
                problem = say("search.other_cursor")
            else:
                rows, following = [found_row(each, self.contract) for each in page.decisions], page.next_cursor
        address = asked.address
        return SearchView(
            texts=asked.texts,
            problems=asked.problems,
            problem=problem,
            rows=rows,
            address=address,
            next_address=f"{address}{'&' * bool(address)}cursor={following}" if following else "",
            is_partial=asked.where.traits != Traits() and following is not None and len(rows) < ROWS,
            is_filtered=any(asked.texts.values()),
            outcomes=OUTCOMES,
            label_states=LABEL_STATES,
            codes=self._codes(),
            entity_name=self._entity_name(),
            keys=[*self.contract.keys] if self.contract is not None else [],
        )

    def _codes(self) -> list[str]:
        """The codes of reasons by the model in service."""
        if (current := self.champion.current) is None:
            return []
        contract = current.contract
        return sorted({code_of(contract, name) for name in contract.explained})[:_MOST_CODES]

    def _entity_name(self) -> str:
        current = self.champion.current
        identifier = None if current is None else current.contract.identifier
        return "" if identifier is None else identifier.name


def found_row(found: Found, contract: Contract | None) -> FoundRow:
    """A row of the table."""
    row, reasons = found.row, stored_reasons(found.row.reasons)
    return FoundRow(
        decision_id=row.decision_id,
        time=clock(row.decided_at),
        entity=entity_text(row.entity),
        outcome=row.outcome,
        risk_score="" if row.risk_score is None else str(row.risk_score),
        reason=reasons[0].text if reasons else "",
        more_reasons=max(0, len(reasons) - 1),
        amount=amount_text(contract, record_of(row.record)),
        truth=truth_text(found),
        is_fallback=row.source == "fallback",
    )


def truth_text(found: Found) -> Truth:
    """What the label in force says."""
    return "unknown" if found.label is None else "fraud" if found.label.is_fraud else "legitimate"
