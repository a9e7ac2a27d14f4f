"""Why a decision has its outcome: what each one was expected to cost, for the amount at risk."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from fraud_detection_api.console.decisions.values import percent
from fraud_detection_api.console.figures.money import money, money_unit
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy

Ground = Literal["cheapest", "warning", "unknown"]
"""Why the outcome: it was expected to cost least; a warning asked for a review; or the policy does not say why."""


class Cost(NamedTuple):
    """An outcome, and what it was expected to cost; `is_least` for what the policy takes."""

    outcome: Outcome
    cost: str
    is_least: bool


class Weighed(NamedTuple):
    """What the policy weighed. Thresholds are probabilities in percent for that amount; empty where there is none.

    `is_assumed` says that the record has no amount, so that the policy's own counts. `waiting` is the part of the cost of
    a review that stands for reviewers' time being scarce.
    """

    ground: Ground
    amount: str
    is_assumed: bool
    unit: str
    costs: list[Cost]
    waiting: str
    review_above: str
    decline_above: str


def weighed_of(
    row: StoredDecision, record: Mapping[str, Any], contract: Contract, policy: Policy, *, requires_review: bool
) -> Weighed | None:
    """What the policy of the model that decided weighed; None where no model decided, or the record is gone."""
    if row.fraud_probability is None or row.record is None or row.policy_version != policy.version:
        return None
    sent = record.get(contract.amount_at_risk or "")
    amount = float(sent) if isinstance(sent, int | float) else math.nan
    probability, amounts = np.array([row.fraud_probability]), np.array([amount])
    approve, review, decline = policy.costs(probability, amounts)
    least = OUTCOMES[int(policy.outcomes(probability, amounts)[0])]
    costs = dict(zip(OUTCOMES, (float(approve[0]), review, float(decline[0])), strict=True))
    above = policy.thresholds(amount)
    return Weighed(
        ground="cheapest" if least == row.outcome else "warning" if requires_review else "unknown",
        amount=money(float(policy.at_risk(probability, amounts)[0])),
        is_assumed=math.isnan(amount),
        unit=money_unit(contract),
        costs=[Cost(outcome, money(cost), outcome == least) for outcome, cost in costs.items()],
        waiting=money(policy.review_price) if policy.review_price else "",
        review_above="" if above.review_above is None else percent(above.review_above),
        decline_above="" if above.decline_above is None else percent(above.decline_above),
    )
