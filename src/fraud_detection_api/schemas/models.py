"""Models, and changes of champion and challenger, on the wire."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.schemas.answered import TimeText
from fraud_detection_api.schemas.decisions import DIGEST
from fraud_detection_api.schemas.request import Parameters, RequestBody
from fraud_detection_api.services.models.aliases import LONGEST_TEXT, Action, Alias, AliasChange, GateState, one_line
from fraud_detection_api.services.models.registered import ModelDescription
from fraud_detection_api.services.models.rollout import REQUEST, Order
from fraud_detection_api.telemetry import utc_text


class ModelSummary(BaseModel):
    """A version of the registry."""

    version: str = Field(examples=["7"])
    status: Literal["ok", "damaged"] = Field(
        description="`damaged`: the files differ from the registered ones.", examples=["ok"]
    )
    aliases: list[str] = Field(examples=[["champion"]])
    digest: str | None = Field(examples=[DIGEST], description="Identifies the bundle's content.")
    created_at: TimeText | None = Field(examples=["2026-11-22T10:00:00Z"])
    contract: str | None = Field(examples=["credit"])
    roc_auc: float | None = Field(description="On the test part of its training data.", examples=[0.9395])
    average_precision: float | None = Field(description="On the test part of its training data.", examples=[0.6127])


class ModelList(BaseModel):
    """All versions, newest first."""

    models: list[ModelSummary]


_CARD = {
    "contract": {"name": "credit"},
    "split": {"kind": "time", "test_share": 0.2},
    "evaluation": {"metrics": {"roc_auc": {"value": 0.9395, "lower": 0.9321, "upper": 0.9466}}},
}
"""A part of a card."""


class ModelCard(ModelSummary):
    """A version and its card: data, split, settings, metrics with intervals, software."""

    fault: str | None = Field(default=None, description="The error of the bundle, if it is damaged.", examples=[None])
    card: dict[str, Any] = Field(examples=[_CARD])


def model_summary(description: ModelDescription) -> ModelSummary:
    """The wire form of a listed version."""
    return ModelSummary(**_summary_fields(description))


def model_card(description: ModelDescription) -> ModelCard:
    """The wire form of a version and its card."""
    return ModelCard(**_summary_fields(description), fault=description.problem, card=description.card)


def _summary_fields(description: ModelDescription) -> dict[str, Any]:
    card = description.card
    metrics = card.get("evaluation", {}).get("metrics", {})
    return {
        "version": description.version,
        "status": "ok" if description.problem is None else "damaged",
        "aliases": list(description.aliases),
        "digest": description.digest or None,
        # the time is outside the bundle's digest, so it may be anything
        "created_at": None if parse_moment(description.created_at) is None else description.created_at,
        "contract": card.get("contract", {}).get("name"),
        "roc_auc": metrics.get("roc_auc", {}).get("value"),
        "average_precision": metrics.get("average_precision", {}).get("value"),
    }


MOST_CHANGES, USUAL_CHANGES = 1000, 100

Reason = Annotated[
    str,
    StringConstraints(max_length=LONGEST_TEXT),
    AfterValidator(one_line),
    Field(description="The reason, which is stored with the change.", examples=["three weeks in shadow"]),
]


class ChangesQuery(Parameters):
    """The changes to list."""

    limit: int = Field(USUAL_CHANGES, ge=1, le=MOST_CHANGES, description="Maximum number of changes to list.")


class RolloutRequest(RequestBody):
    """Why a champion or a challenger is changed."""

    reason: Reason = ""

    def order(self, by: str) -> Order:
        """The order of a caller, with the reason."""
        return Order(by, self.reason, form=REQUEST)


class PromoteRequest(RequestBody):
    """How to promote, and why."""

    allow_contract_change: bool = Field(
        default=False,
        description="Promote a model of another contract; callers must then send records of that contract.",
    )
    force: bool = Field(
        default=False, description="Promote although the model did not pass the gate; requires a `reason`."
    )
    reason: Reason = Field(default="", validate_default=True)

    @field_validator("reason")
    @classmethod
    def _forced_with_a_reason(cls, reason: str, info: ValidationInfo) -> str:
        if info.data.get("force") and not reason:
            raise PydanticCustomError("reason_missing", "is required to force a promotion")
        return reason

    def order(self, by: str) -> Order:
        """The order of a caller, with the reason, and whether to pass the gate by."""
        return Order(by, self.reason, self.force, REQUEST)


class ChampionNow(BaseModel):
    """The champion after a promotion or a rollback."""

    champion: str = Field(examples=["7"])


class ChallengerNow(BaseModel):
    """The challenger after the change; null if there is none."""

    challenger: str | None = Field(examples=["8"])


class AliasChangeBody(BaseModel):
    """A change of champion or challenger."""

    model_config = ConfigDict(populate_by_name=True)

    at: TimeText
    alias: Alias = Field(examples=["champion"])
    action: Action = Field(description="`assign`: set by a program, without a reason.", examples=["promote"])
    before: str | None = Field(
        alias="from", description="The version before; null for none, `?` if it could not be read.", examples=["6"]
    )
    after: str | None = Field(alias="to", description="The version after; null for none.", examples=["7"])
    digest: str | None = Field(description="The digest of the version after, if it was verified.", examples=[DIGEST])
    by: str = Field(
        description="A key's role and the beginning of its SHA-256, or a user.", examples=["admin 3f2a91c4"]
    )
    reason: str = Field(examples=["three weeks in shadow"])
    forced: bool = Field(examples=[False])
    gate: GateState = Field(
        description="`exempt`: there was no champion to compare with; `off`: FRAUD_GATE was `off`.", examples=["passed"]
    )
    gate_reasons: list[str] = Field(
        description="The reasons against the promotion, then the findings and their limits.",
        examples=[["changed limits: frauds 0", "ROC AUC +0.0168 (+0.0110 to +0.0229)"]],
    )
    took_effect: bool = Field(
        description="False if the alias did not change: the process was killed first, or the change was undone.",
        examples=[True],
    )


class ModelHistory(BaseModel):
    """Changes of champion and challenger, newest first."""

    changes: list[AliasChangeBody]


def alias_change(change: AliasChange) -> AliasChangeBody:
    """The wire form of a change."""
    cause = change.cause
    fields = change._asdict() | cause._asdict() | {"at": utc_text(change.at), "digest": cause.digest or None}
    return AliasChangeBody.model_validate(fields)
