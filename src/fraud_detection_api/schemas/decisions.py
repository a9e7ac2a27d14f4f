"""Decisions on the wire."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.decided import Decisions, Explanations, Source
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.deciding.decisions import Decided
from fraud_detection_api.telemetry import utc_text

DECISIONS_AT_A_TIME = 256


class ReasonBody(BaseModel):
    """What a feature adds to a score."""

    rank: int = Field(description="1 is the strongest.")
    code: str = Field(examples=["UTILISATION_HIGH"])
    feature: str = Field(examples=["credit_utilisation"])
    value: bool | float | str | None = Field(description="The value in the record, or a value derived from the record.")
    direction: Literal["increases_risk", "decreases_risk"]
    contribution_log_odds: float = Field(description="What the feature adds to the model's log-odds.", examples=[2.31])
    description: str = Field(examples=["Balance is 16.2 times the credit limit"])


class ModelBody(BaseModel):
    """The model that decided."""

    version: str = Field(examples=["7"])
    digest: str = Field(examples=["sha256:…"])


class DecisionBody(BaseModel):
    """The decision on one record. The record's id is a field too, under its name in the contract."""

    decision_id: str = Field(description="UUID of version 7: it sorts by time.")
    fraud_probability: float | None = Field(ge=0, le=1, description="Calibrated; null for a fallback.")
    risk_score: int | None = Field(
        ge=0,
        le=1000,
        description="The share of the test part's legitimate records that score lower, in thousandths; null for a fallback.",
    )
    outcome: Outcome
    reasons: list[ReasonBody] | None = Field(
        description="At most four, strongest first; null if none were requested, or the deadline left no time."
    )
    model: ModelBody | None = Field(description="Null for a fallback.")
    policy_version: str | None = Field(description="Null for a fallback.", examples=["3"])
    decided_at: str = Field(examples=["2026-11-22T10:00:00.123Z"])
    decision_source: Source = Field(
        description="`fallback` if the deadline had passed: the outcome is then that of FRAUD_FALLBACK_OUTCOME."
    )


class DecisionsBody(BaseModel):
    """A decision for each record, in order."""

    decisions: list[DecisionBody]
    explanations: Explanations = Field(
        description="`partial`: the deadline left no time for some reasons; `dropped`: for any."
    )


def decisions_body(decided: Decided, contract: Contract) -> bytes:
    """The answer's bytes."""
    identifier = None if contract.identifier is None else contract.identifier.name
    decisions, size = decided.decisions, DECISIONS_AT_A_TIME
    # a piece at a time: writing them all is one step in which no other request gets a turn
    pieces = [
        to_json(list(_bodies(decisions, range(first, min(first + size, decisions.size)), identifier)))[1:-1]
        for first in range(0, decisions.size, size)
    ]
    return b'{"decisions":[' + b",".join(pieces) + b'],"explanations":' + to_json(decided.explanations) + b"}"


def _bodies(decisions: Decisions, indexes: range, identifier: str | None) -> Iterator[dict[str, Any]]:
    made_by, decided_at = decisions.made_by, utc_text(decisions.decided_at)
    model = {"version": made_by.version, "digest": made_by.digest}
    for index in indexes:
        by_model, reasons = index < decisions.by_model, decisions.reasons[index]
        yield {
            "decision_id": decisions.ids[index],
            **({} if identifier is None else {identifier: decisions.entity_ids[index]}),
            "fraud_probability": decisions.probabilities[index],
            "risk_score": decisions.risk_scores[index],
            "outcome": decisions.outcomes[index],
            "reasons": None if reasons is None else [reason._asdict() for reason in reasons],
            "model": model if by_model else None,
            "policy_version": made_by.policy_version if by_model else None,
            "decided_at": decided_at,
            "decision_source": decisions.source(index),
        }
