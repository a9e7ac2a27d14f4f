"""Stored decisions and their replays on the wire."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError, from_json

from fraud_detection_api.contract.declaration import MAX_TEXT
from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.contract.wording import ReasonCode
from fraud_detection_api.decision.label import Label, LabelSource, LabelState
from fraud_detection_api.decision.row_format import columns_of
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.field_texts import STORABLE
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.schemas.answered import DecisionId, TimeText
from fraud_detection_api.schemas.decisions import DecisionBody, ModelBody, ReasonBody, WarningBody, WarningCode
from fraud_detection_api.schemas.request import Parameters, TextId
from fraud_detection_api.services.history.lookup import (
    MOST_LOOKED_AT,
    MOST_SCATTERED,
    Found,
    HistoryFilter,
    entity_id_of,
)
from fraud_detection_api.services.history.replay import SOUND, ReplayResult, Status
from fraud_detection_api.services.storage.decision_store import Traits
from fraud_detection_api.telemetry import utc_text

MOST_DECISIONS = 1000
USUAL_DECISIONS = 100


def _milliseconds(text: Any) -> int:
    moment = parse_moment(text) if isinstance(text, str) else None
    if moment is None:
        detail = "must be an ISO 8601 time with its offset, such as 2026-11-22T10:00:00Z; write + as %2B"
        raise PydanticCustomError("time_with_offset", "{detail}", {"detail": detail})
    return moment


Moment = Annotated[
    int,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T10:00:00Z"]}),
]
"""A time with its offset, as milliseconds since 1970."""


RiskScore = Annotated[int, Field(ge=0, le=1000)]


class DecisionQuery(Parameters):
    """The decisions to list."""

    entity_id: TextId | None = Field(None, description="Decisions on the entity with this id, or with this pseudonym.")
    outcome: Outcome | None = Field(None, description="Decisions with this outcome.")
    label: LabelState | None = Field(None, description="Decisions whose label in force says so, or without a label.")
    model: Annotated[str, Field(max_length=MAX_TEXT, pattern=STORABLE)] | None = Field(
        None, description="Decisions by this version of the model.", examples=["7"]
    )
    min_risk_score: RiskScore | None = Field(None, description="Decisions with at least this risk score.")
    max_risk_score: RiskScore | None = Field(None, description="Decisions with at most this risk score.")
    reason: ReasonCode | None = Field(
        None, description="Decisions that were answered with this reason code.", examples=["UTILISATION_HIGH"]
    )
    warning: WarningCode | None = Field(None, description="Decisions with this warning.")
    since: Moment | None = Field(None, description="Decided at this time or later.")
    until: Moment | None = Field(None, description="Decided before this time.")
    limit: int = Field(USUAL_DECISIONS, ge=1, le=MOST_DECISIONS, description="Maximum number of decisions on a page.")
    cursor: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="`next_cursor` of the previous page, which had the same filters."
    )

    def filters(self) -> HistoryFilter:
        """The filter, without the page."""
        traits = Traits(self.label, self.model, self.min_risk_score, self.max_risk_score, self.reason, self.warning)
        return HistoryFilter(self.entity_id, self.outcome, self.since, self.until, traits)


class LabelInForce(BaseModel):
    """What a decision turned out to be, as far as it is known."""

    is_fraud: bool = Field(examples=[True])
    source: LabelSource = Field(examples=["chargeback"])
    effective_at: TimeText = Field(description="When it became known.")
    reviewer: str | None = Field(description="Who said it: the name of a key or of a person.", examples=["back-office"])


_COLUMNS = {column.name: column for column in columns_of(StoredDecision)}
_PLAIN: dict[str, Any] = {name: column.wire for name, column in _COLUMNS.items() if column.wire is not None}
_EntityId = Annotated[
    int | str | None,
    Field(
        description="The record's id, or its pseudonym; null if records have no id.",
        examples=[345435],
    ),
]
_Record = Annotated[dict[str, Any] | None, Field(description="The record as it was validated; null once it is erased.")]
# callers have always seen these four first
_FIRST = {"entity_id": _EntityId, "margin": _PLAIN["margin"], "record": _Record, "contract": _PLAIN["contract"]}


class KeptDecisionBody(create_model("StoredFields", __base__=DecisionBody, **_FIRST | _PLAIN)):  # type: ignore[misc]
    """A stored decision: the decision as it was answered, and what was stored with it."""

    is_intact: bool = Field(description="Whether the seal is valid; false if the row was changed.", examples=[True])
    label: LabelInForce | None = Field(description="The label in force; null without one.")


_PLAIN_FIELDS = {name: column.field for name, column in _COLUMNS.items() if name in KeptDecisionBody.model_fields}


class DecisionPage(BaseModel):
    """Decisions, newest first."""

    decisions: list[KeptDecisionBody]
    next_cursor: str | None = Field(
        description="The cursor of the next page; null on the last one. With `label`, `model`, `reason`, `warning` or a "
        f"risk score, a page looks at {MOST_LOOKED_AT:,} decisions at most, or at {MOST_SCATTERED:,} that an index finds, "
        "so it may have few or none although others follow.",
        examples=["AX8i4nmwfMOYxNwMDAc5j3Ykq1f0mZ4i"],
    )


def kept_decision_body(found: Found) -> KeptDecisionBody:
    """The wire form of a stored decision."""
    row = found.row
    by_model = row.source == "model"
    plain = {name: getattr(row, field) for name, field in _PLAIN_FIELDS.items()}
    derived = {
        "entity_id": entity_id_of(row.entity),
        "reasons": None if row.reasons is None else [ReasonBody(**reason) for reason in from_json(row.reasons)],
        "warnings": [] if row.warnings is None else [WarningBody(**warning) for warning in from_json(row.warnings)],
        "model": ModelBody(version=row.model_version, digest=row.model_digest) if by_model else None,
        "policy_version": row.policy_version if by_model else None,
        "decided_at": utc_text(row.decided_at),
        "decision_source": row.source,
        "record": None if row.record is None else from_json(row.record),
        "is_intact": found.is_intact,
        "label": None if found.label is None else _label_in_force(found.label),
    }
    body: KeptDecisionBody = KeptDecisionBody.model_construct(**plain | derived)
    return body


def _label_in_force(label: Label) -> LabelInForce:
    at = utc_text(label.effective_at)
    return LabelInForce(is_fraud=label.is_fraud, source=label.source, effective_at=at, reviewer=label.reviewer)


class DifferenceBody(BaseModel):
    """A field whose recomputed value differs from the stored one."""

    field: str = Field(examples=["fraud_probability"])
    kept: Any = Field(description="The stored value.", examples=[0.9904])
    recomputed: Any = Field(examples=[0.9903])


class VerdictBody(BaseModel):
    """The result of replaying a decision."""

    decision_id: DecisionId
    status: Status = Field(
        examples=["differs"],
        description="`equal` to the last bit; `differs`; `tampered`: the seal is broken; `model_missing`: the model that "
        "decided is not in the registry; `model_changed`: it is not the same any more; `fallback`: no model decided; "
        "`erased`: the record was erased. Only the command line compares history features with stored events, and says "
        "`no_history` where there are none, and `not_refoldable` where events are gone.",
    )
    is_sound: bool = Field(
        description="Whether the decision is equal, or has nothing to compare (`fallback`, `erased`).", examples=[False]
    )
    differences: list[DifferenceBody] = Field(description="Empty if nothing differs, or nothing could be compared.")
    fault: str | None = Field(description="The error of the model, if it could not be used.", examples=[None])


def verdict_body(result: ReplayResult) -> VerdictBody:
    """The wire form of a replay's result."""
    differences = [
        DifferenceBody(field=field, kept=stored, recomputed=recomputed)
        for field, stored, recomputed in result.differences
    ]
    decision_id, status, is_sound = result.decision_id, result.status, result.status in SOUND
    return VerdictBody(
        decision_id=decision_id, status=status, is_sound=is_sound, differences=differences, fault=result.problem
    )
