"""A decision: what was said of one record, and everything that says why."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from fraud_detection_api.decision.reason import ReasonGiven
from fraud_detection_api.policy.outcomes import Outcome

Source = Literal["model", "fallback"]


class MadeBy(NamedTuple):
    """The model and the policy behind a decision."""

    version: str
    digest: str
    policy_version: str


class Decision(NamedTuple):
    """`decided_at` is in milliseconds since 1970, `margin` in log-odds.

    A fallback outcome has no margin, no probability, no risk score and no model.

    `entity_id` is None where the contract names no id; `reasons` is None where none were given.
    """

    decision_id: str
    entity_id: int | str | None
    outcome: Outcome
    margin: float | None
    fraud_probability: float | None
    risk_score: int | None
    reasons: Sequence[ReasonGiven] | None
    made_by: MadeBy | None
    decided_at: int

    @property
    def source(self) -> Source:
        """Who decided: a deadline that had passed leaves it to the fallback."""
        return "fallback" if self.made_by is None else "model"
