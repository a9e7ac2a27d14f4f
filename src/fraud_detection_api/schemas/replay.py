"""Replays on the wire."""

from typing import Any

from pydantic import BaseModel, Field

from fraud_detection_api.services.history.replay import SOUND, Status, Verdict


class DifferenceBody(BaseModel):
    """A field that did not come out as it was kept."""

    field: str = Field(examples=["fraud_probability"])
    kept: Any
    recomputed: Any


class VerdictBody(BaseModel):
    """What a replay says of a decision."""

    decision_id: str
    status: Status = Field(
        description="`equal` to the last bit; `differs`; `tampered`: the seal is broken; `model_missing`, `model_changed`: "
        "the model that decided is not in the registry, or no longer what it was; `fallback`: no model decided; `erased`: "
        "the record is gone, on purpose."
    )
    is_sound: bool = Field(description="Whether it is equal, or there is nothing to compare.")
    differences: list[DifferenceBody] = Field(description="Empty where nothing differs or could be compared.")
    fault: str | None = Field(description="What is wrong with the model.")


def verdict_body(verdict: Verdict) -> VerdictBody:
    """The wire form of a verdict."""
    return VerdictBody(
        decision_id=verdict.decision_id,
        status=verdict.status,
        is_sound=verdict.status in SOUND,
        differences=[DifferenceBody(**difference._asdict()) for difference in verdict.differences],
        fault=verdict.fault,
    )
