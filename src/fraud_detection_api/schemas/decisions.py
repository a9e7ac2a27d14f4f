"""Decisions on the wire."""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field
from pydantic_core import to_json

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.decision.decided import Decisions, Explanations, Source
from fraud_detection_api.decision.row_format import json_texts
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.schemas.answered import DecisionId, TimeText
from fraud_detection_api.telemetry import utc_text

DIGEST = "sha256:0a5c7c0b2b1f0f6a4f3c0d1b8e7a695847362514f0e1d2c3b4a5968778695a4b"
"""Of a bundle or a contract, for an example."""


def _is_empty(listed: list[Any]) -> bool:
    return not listed


def _is_none(value: object) -> bool:
    return value is None


HistoryState = Literal["available", "too_late", "unavailable"]


class ReasonBody(BaseModel):
    """What a feature adds to a score."""

    rank: int = Field(description="1 is the strongest.", examples=[1])
    code: str = Field(examples=["UTILISATION_HIGH"])
    feature: str = Field(examples=["credit_utilisation"])
    value: bool | int | float | str | None = Field(
        description="The value in the record, or a value derived from the record.", examples=[16.2]
    )
    direction: Literal["increases_risk", "decreases_risk"] = Field(examples=["increases_risk"])
    contribution_log_odds: float = Field(description="What the feature adds to the model's log-odds.", examples=[2.31])
    description: str = Field(examples=["The balance is 16.2 times the credit limit, higher than 95 % of customers"])


WarningCode = Literal["unseen_level", "unseen_missing"]


class WarningBody(BaseModel):
    """What to know about a decision before relying on it."""

    code: WarningCode = Field(
        description="`unseen_level`: the model does not know the level in this field, and scores all such levels alike. "
        "`unseen_missing`: the value is missing, and never was in the model's training data.",
        examples=["unseen_level"],
    )
    field: str = Field(examples=["channel"])
    requires_review: bool = Field(
        description="Whether the record is not approved because of it: the policy would not approve it with one in 20 "
        'of the levels that the model knows, or more, and the contract does not say `unseen = "flag"`.',
        examples=[True],
    )


class ModelBody(BaseModel):
    """The model that decided."""

    version: str = Field(examples=["7"])
    digest: str = Field(examples=[DIGEST])


class DecisionBody(BaseModel):
    """The decision on one record. The record's id is a field too, under its name in the contract."""

    decision_id: DecisionId = Field(description="UUID of version 7: it sorts by time.")
    fraud_probability: float | None = Field(
        ge=0, le=1, description="Calibrated; null for a fallback.", examples=[0.9904]
    )
    risk_score: int | None = Field(
        ge=0,
        le=1000,
        description="The share of the test part's legitimate records that score lower, in thousandths; null for a fallback.",
        examples=[998],
    )
    outcome: Outcome = Field(examples=["decline"])
    reasons: list[ReasonBody] | None = Field(
        description="At most four, strongest first; null if none were requested, or the deadline left no time."
    )
    warnings: list[WarningBody] = Field(default=[], description="Left out where there are none.", exclude_if=_is_empty)
    history: HistoryState | None = Field(
        default=None,
        description="Whether the history features were known. `too_late`: the record is so far behind the newest event that "
        "it has no history. Left out where the contract has none.",
        examples=["available"],
        exclude_if=_is_none,
    )
    model: ModelBody | None = Field(description="Null for a fallback.")
    policy_version: str | None = Field(description="Null for a fallback.", examples=["3"])
    decided_at: TimeText
    decision_source: Source = Field(
        description="`fallback` if the deadline had passed: the outcome is then that of FRAUD_FALLBACK_OUTCOME.",
        examples=["model"],
    )


class DecisionsBody(BaseModel):
    """A decision for each record, in order."""

    decisions: list[DecisionBody]
    explanations: Explanations = Field(
        description="`partial`: the deadline left no time for some reasons; `dropped`: for any.", examples=["given"]
    )


def decisions_body(texts: Sequence[str], explanations: Explanations) -> str:
    """An answer: the JSON of a DecisionsBody, from that of its decisions."""
    parts = list(texts) or [""]
    parts[0] = f'{{"decisions":[{parts[0]}'
    parts[-1] += f'],"explanations":"{explanations}"}}'
    return ",".join(parts)  # so that megabytes are copied once


def decision_texts(decisions: Decisions, contract: Contract) -> list[str]:
    """The JSON of each decision, as DecisionBody has it. Most of it is the same in all."""
    identifier = None if contract.identifier is None else to_json(contract.identifier.name).decode()
    by_model, by_fallback = (_end(decisions, source) for source in get_args(Source))
    columns = zip(
        decisions.ids,
        repeat("") if identifier is None else [f"{text}," for text in json_texts(decisions.entity_ids)],
        json_texts(decisions.probabilities),
        json_texts(decisions.risk_scores),
        decisions.outcomes,
        decisions.reasons,
        ["" if text is None else f'"warnings":{text},' for text in decisions.warnings],
        repeat("") if decisions.history is None else _history(decisions.history, decisions.too_late),
        chain(repeat(by_model, decisions.by_model), repeat(by_fallback)),
        strict=False,  # the last has no end
    )
    label = "" if identifier is None else f"{identifier}:"
    return [
        f'{{"decision_id":"{decision_id}",{label}{entity_id}"fraud_probability":{probability},"risk_score":{score},'
        f'"outcome":"{outcome}","reasons":{reasons or "null"},{warned}{history}{end}'
        for decision_id, entity_id, probability, score, outcome, reasons, warned, history, end in columns
    ]


def _history(positions: Sequence[int | None], too_late: Sequence[bool] | None) -> Iterator[str]:
    """The JSON of the state of each decision's history."""
    for position, is_too_late in zip(positions, too_late or [False] * len(positions), strict=True):
        state: HistoryState = "unavailable" if position is None else "too_late" if is_too_late else "available"
        yield f'"history":"{state}",'


def _end(decisions: Decisions, source: Source) -> str:
    """The end of the JSON of a decision of that source."""
    made_by, is_model = decisions.made_by, source == "model"
    fields = {
        "model": {"version": made_by.version, "digest": made_by.digest} if is_model else None,
        "policy_version": made_by.policy_version if is_model else None,
        "decided_at": utc_text(decisions.decided_at),
        "decision_source": source,
    }
    return to_json(fields).decode()[1:]
