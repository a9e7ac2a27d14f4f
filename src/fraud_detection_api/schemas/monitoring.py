"""What monitoring says, on the wire."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from fraud_detection_api.policy.consequences import PER
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.schemas.answered import Moment
from fraud_detection_api.schemas.request import Parameters
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.reporting.comparison import Compared
from fraud_detection_api.services.reporting.monitoring import MonitoringReport
from fraud_detection_api.statistics.estimates import six_digits

_DRIFT: dict[str, JsonValue] = {
    "feature": "total_balance",
    "drifted": True,
    "records": 2105,
    "psi": 0.2312,
    "alarm_level": 0.1,
    "noise_floor": 0.0356,
    "ks": 0.1931,
    "ks_noise_floor": 0.0681,
    "missing": 0.0,
    "missing_before": 0.0,
    "out_of_range": 0.0014,
    "unseen": 0.0,
}
_AUC: dict[str, JsonValue] = {"estimate": 0.9395, "lower": 0.9321, "upper": 0.9466}
_PERFORMANCE: dict[str, JsonValue] = {
    "records": 41250,
    "frauds": 803,
    "measures": {"roc_auc": _AUC},
    "calibration_error_by_chance": 0.0011,
}
_MATURED: dict[str, JsonValue] = {
    "since": "2026-09-23T10:00:00.000Z",
    "until": "2026-10-23T10:00:00.000Z",
    "labelled": 917,
    "assumed_legitimate": 40333,
    "complete": True,
    "fairness": [],
    **_PERFORMANCE,
}
_WINDOW: dict[str, JsonValue] = {
    "window": "hour",
    "since": "2026-11-22T09:05:00.000Z",
    "records": 2105,
    "outcomes": {"approve": 2011, "review": 71, "decline": 23},
    "drifted": ["total_balance"],
    "features": [_DRIFT],
}
_MODEL: dict[str, JsonValue] = {"version": "7", "digest": "sha256:9f2c…"}


class ComparisonQuery(Parameters):
    """The model that the champion is compared with."""

    challenger: str = Field(
        "challenger",
        description="A version that is or was challenger, or `challenger`: the current one.",
        min_length=1,
        max_length=100,
    )


def _listed(features: Any) -> Any:
    """Features by name as a list."""
    return list(features.values()) if isinstance(features, Mapping) else features


Rounded = Annotated[float, BeforeValidator(six_digits)]


class Report(BaseModel):
    """Part of a report, made from the service's value of the same fields."""

    model_config = ConfigDict(from_attributes=True)


class ModelName(Report):
    """A model."""

    version: str
    digest: str


class EstimateBody(Report):
    """A number and its 95 % interval."""

    estimate: Rounded
    lower: Rounded
    upper: Rounded


class FeatureDriftBody(Report):
    """Drift of a feature, or of the score `fraud_probability`, from the training data. It drifted if psi > alarm_level."""

    feature: str
    drifted: bool
    records: int
    psi: Rounded | None = Field(description="Population stability index; null if there are no records.")
    alarm_level: Rounded = Field(description="FRAUD_DRIFT_PSI, or the noise floor if that is higher.")
    noise_floor: Rounded | None = Field(
        description="PSI that chance exceeds in one of a million evaluations of so many records."
    )
    ks: Rounded | None = Field(description="Kolmogorov-Smirnov distance over the bins; null for categories.")
    ks_noise_floor: Rounded | None
    missing: Rounded = Field(description="Share of the records without the value.")
    missing_before: Rounded = Field(description="The same share in the training data.")
    out_of_range: Rounded = Field(description="Share of the records with a value outside the training data's range.")
    unseen: Rounded = Field(description="Share of the records with a category that the training data do not have.")


class WindowBody(Report):
    """A window of time until now. Without records it has no features."""

    window: str = Field(description="`hour`, `day` or `week`.")
    since: Moment
    records: int
    outcomes: dict[Outcome, int]
    drifted: list[str] = Field(description="Names of the features that drifted.")
    features: Annotated[list[FeatureDriftBody], BeforeValidator(_listed)]


class PerformanceBody(Report):
    """Performance on decisions whose labels are known. Measures that need more records are left out."""

    records: int
    frauds: int
    measures: dict[str, EstimateBody] = Field(
        description="roc_auc, average_precision; recall and precision of reviews and declines together, decline_recall and "
        "decline_precision of declines alone; calibration_error, calibration_slope, observed_to_expected."
    )
    calibration_error_by_chance: Rounded | None = Field(
        description="The calibration_error if every probability were right."
    )


class MaturedPerformanceBody(PerformanceBody):
    """Performance on matured decisions. Those without a label count as legitimate."""

    since: Moment
    until: Moment = Field(description="Later decisions are not mature: their labels may still arrive.")
    labelled: int
    assumed_legitimate: int
    complete: bool = Field(description="False if there were more than 200,000; then the newest are measured.")
    fairness: list[dict[str, JsonValue]] = Field(
        description="By each feature that the contract declares protected: selection rates, error rates, calibration and "
        "impact ratios of its groups, as in a model's card."
    )


class MonitoringBody(Report):
    """Drift of the champion's records in each window, and performance of its matured decisions."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "model": _MODEL,
                "at": "2026-11-22T10:02:07.000Z",
                "windows": [_WINDOW],
                "performance": _MATURED,
            }
        },
    )

    model: ModelName
    at: Moment
    windows: list[WindowBody]
    performance: MaturedPerformanceBody


class MoneyBody(Report):
    """Mean cost of 1,000 labelled decisions, at the costs of one policy. It is negative if the challenger costs less."""

    policy_version: str
    champion: Rounded
    challenger: Rounded
    difference: EstimateBody


class LatencyBody(Report):
    """Microseconds to score and explain one record, measured in turns for this answer."""

    champion_us: Rounded
    challenger_us: Rounded


class GateBody(Report):
    """Whether the challenger may be promoted, and the reasons against it."""

    passed: bool
    reasons: list[str]


class ComparedModels(Report):
    """The two models."""

    champion: ModelName
    challenger: ModelName


_DIFFERENCE: dict[str, JsonValue] = {"estimate": 0.0081, "lower": 0.0032, "upper": 0.0129}


class ComparisonBody(Report):
    """Comparison of champion and challenger on the decisions that both made."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "models": {"champion": _MODEL, "challenger": {"version": "8", "digest": "sha256:41aa…"}},
                "since": "2026-09-23T10:00:00.000Z",
                "matured_until": "2026-10-23T10:00:00.000Z",
                "gate": {"passed": True, "reasons": []},
                "decisions": 60000,
                "known": 41250,
                "frauds": 803,
                "agreement": {"estimate": 0.9912, "lower": 0.9904, "upper": 0.9919},
                "swaps": {
                    "approve": {"approve": 57200, "review": 210, "decline": 4},
                    "review": {"approve": 256, "review": 1611, "decline": 31},
                    "decline": {"approve": 2, "review": 25, "decline": 661},
                },
                "score_psi": 0.0071,
                "expected_cost_per_1000": {"champion": 7120.0, "challenger": 7011.0},
                "cost_per_1000": [
                    {
                        "policy_version": "3",
                        "champion": 7388.0,
                        "challenger": 7214.0,
                        "difference": {"estimate": -174.0, "lower": -301.0, "upper": -47.0},
                    }
                ],
                "differences": {"average_precision": _DIFFERENCE},
                "champion": _PERFORMANCE,
                "challenger": _PERFORMANCE,
                "latency": {"champion_us": 71.2, "challenger_us": 80.4},
            }
        },
    )

    models: ComparedModels
    since: Moment
    matured_until: Moment = Field(description="The labels of later decisions are not final yet.")
    gate: GateBody
    decisions: int
    known: int = Field(description="Number of decisions whose labels are known.")
    frauds: int
    agreement: EstimateBody | None = Field(description="Share of decisions with the same outcome.")
    swaps: dict[Outcome, dict[Outcome, int]] = Field(
        description="Number of decisions by the champion's outcome, then by the challenger's."
    )
    score_psi: Rounded | None = Field(description="PSI of the challenger's probabilities against the champion's.")
    expected_cost_per_1000: dict[str, Rounded] = Field(description="By each model's own probabilities and costs.")
    cost_per_1000: list[MoneyBody]
    differences: dict[str, EstimateBody] = Field(
        description="Challenger minus champion: roc_auc and average_precision, with paired intervals."
    )
    champion: PerformanceBody
    challenger: PerformanceBody
    latency: LatencyBody | None


def monitoring_body(report: MonitoringReport) -> MonitoringBody:
    """The wire form of a report."""
    matured = report.performance
    performance = {**vars(matured), **vars(matured.performance), "assumed_legitimate": matured.assumed_legitimate}
    return MonitoringBody.model_validate(
        {"model": _named(report.model), "at": report.now, "windows": report.windows, "performance": performance}
    )


def comparison_body(compared: Compared) -> ComparisonBody:
    """The wire form of a comparison."""
    found = vars(compared.comparison)
    return ComparisonBody.model_validate(
        {
            **found,
            f"expected_cost_per_{PER}": found["expected_cost"],
            f"cost_per_{PER}": found["money"],
            "models": {"champion": _named(compared.champion), "challenger": _named(compared.challenger)},
            "since": compared.since,
            "matured_until": compared.until,
            "gate": compared.verdict,
        }
    )


def _named(model: ServedModel) -> ModelName:
    return ModelName(version=model.version, digest=model.bundle.digest)
