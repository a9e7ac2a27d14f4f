"""Decisions on the records of one request, as columns."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from pydantic_core import from_json, to_json

from fraud_detection_api.policy.outcomes import Outcome

Shown: TypeAlias = bool | float | str
"""A value on the wire."""


Source = Literal["model", "fallback"]
Explanations = Literal["given", "partial", "dropped", "not_asked"]
"""Whether reasons were given: `partial` where time ran out for some of the records, `dropped` for all."""


UNSEEN_LEVEL, UNSEEN_MISSING = "unseen_level", "unseen_missing"
"""Codes of warnings: the model does not know the level in a field, or never saw a missing value there."""


class Unseen(NamedTuple):
    """A warning: the training data had nothing like what is in this field; `code` says what that is.

    `requires_review` says that the record is not approved, whatever the policy says.
    """

    field: str
    requires_review: bool
    code: str = UNSEEN_LEVEL


def warnings_text(warnings: Sequence[Unseen]) -> str:
    """Warnings as a JSON array, as they are answered and stored.

    >>> warnings_text([Unseen("channel", requires_review=True)])
    '[{"code":"unseen_level","field":"channel","requires_review":true}]'
    """
    return to_json(
        [{"code": each.code, "field": each.field, "requires_review": each.requires_review} for each in warnings]
    ).decode()


def warnings_of(text: str) -> list[Unseen]:
    """The warnings of a JSON array. Raises ValueError or LookupError where it holds none."""
    return [Unseen(each["field"], each["requires_review"], each["code"]) for each in from_json(text)]


def requires_review(text: str) -> bool:
    """Whether warnings of a JSON array keep their record from being approved."""
    return any(each.requires_review for each in warnings_of(text))


class MadeBy(NamedTuple):
    """The model and the policy behind a decision."""

    version: str
    digest: str
    policy_version: str


class Decisions(NamedTuple):
    """Decisions on n records, as columns of length n in the records' order.

    `made_by` decided on the first `by_model` records. Where a deadline passed, the others have the fallback outcome, and
    neither margin (in log-odds), probability, risk score, reasons nor warnings. `entity_ids` are None where the contract
    names no id. `reasons` and `warnings` are JSON arrays, as they are answered and stored; None where there are none.
    `decided_at` is in milliseconds since 1970. `history` has the position in the store's log that each record's history
    features saw, and `too_late` whether there is no history of such an old record; None where the contract has none.
    """

    ids: Sequence[str]
    entity_ids: Sequence[int | str | None]
    outcomes: Sequence[Outcome]
    margins: Sequence[float | None]
    probabilities: Sequence[float | None]
    risk_scores: Sequence[int | None]
    reasons: Sequence[str | None]
    warnings: Sequence[str | None]
    by_model: int
    made_by: MadeBy
    decided_at: int
    history: Sequence[int | None] | None = None
    too_late: Sequence[bool] | None = None

    @property
    def size(self) -> int:
        """How many records were decided on."""
        return len(self.ids)

    def part(self, first: int, last: int) -> "Decisions":
        """Those on the records from index `first` to before `last`."""
        if last - first == self.size:
            return self
        return Decisions(
            self.ids[first:last],
            self.entity_ids[first:last],
            self.outcomes[first:last],
            self.margins[first:last],
            self.probabilities[first:last],
            self.risk_scores[first:last],
            self.reasons[first:last],
            self.warnings[first:last],
            max(0, min(self.by_model, last) - first),
            self.made_by,
            self.decided_at,
            None if self.history is None else self.history[first:last],
            None if self.too_late is None else self.too_late[first:last],
        )

    def source(self, index: int) -> Source:
        """Who decided on the record with that index."""
        return "model" if index < self.by_model else "fallback"
