"""Models on the wire."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from fraud_detection_api.services.models.registered import ModelDescription


class ModelSummary(BaseModel):
    """A version of the registry."""

    version: str = Field(examples=["7"])
    status: Literal["ok", "damaged"] = Field(description="`damaged`: the files are not the registered ones.")
    aliases: list[str] = Field(examples=[["champion"]])
    digest: str | None = Field(examples=["sha256:9f2c…"], description="Identifies the bundle's content.")
    created_at: str | None = Field(examples=["2026-11-22T10:00:00Z"])
    contract: str | None = Field(examples=["credit"])
    roc_auc: float | None = Field(description="On the test part of its training data.")
    average_precision: float | None = Field(description="On the test part of its training data.")


class ModelList(BaseModel):
    """All versions, newest first."""

    models: list[ModelSummary]


class ModelCard(ModelSummary):
    """A version and its card: data, split, settings, metrics with intervals, software."""

    fault: str | None = Field(default=None, description="What is wrong with the bundle, if it is damaged.")
    card: dict[str, Any]


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
        "created_at": description.created_at or None,
        "contract": card.get("contract", {}).get("name"),
        "roc_auc": metrics.get("roc_auc", {}).get("value"),
        "average_precision": metrics.get("average_precision", {}).get("value"),
    }
