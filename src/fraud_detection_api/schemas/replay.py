"""Replays on the wire."""

from typing import Any

from pydantic import BaseModel, Field

from fraud_detection_api.services.history.replay import SOUND, ReplayResult, Status


class DifferenceBody(BaseModel):
    """A field whose recomputed value differs from the stored one."""

    field: str = Field(examples=["fraud_probability"])
    kept: Any
    recomputed: Any


class VerdictBody(BaseModel):
    """The result of replaying a decision."""

    decision_id: str
    status: Status = Field(
        description="`equal` to the last bit; `differs`; `tampered`: the seal is broken; `model_missing`, `model_changed`: "
        "the model that decided is not in the registry, or is no longer the same; `fallback`: no model decided; `erased`: "
        "the record was removed on purpose."
    )
    is_sound: bool = Field(description="Whether it is equal, or there is nothing to compare.")
    differences: list[DifferenceBody] = Field(description="Empty if nothing differs, or nothing could be compared.")
    fault: str | None = Field(description="What is wrong with the model, if it could not be used.")


def verdict_body(result: ReplayResult) -> VerdictBody:
    """The wire form of a replay's result."""
    return VerdictBody(
        decision_id=result.decision_id,
        status=result.status,
        is_sound=result.status in SOUND,
        differences=[
            DifferenceBody(field=field, kept=stored, recomputed=recomputed)
            for field, stored, recomputed in result.differences
        ],
        fault=result.problem,
    )
