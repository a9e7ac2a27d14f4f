"""What monitoring says, on the wire."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.schemas.request import Parameters
from fraud_detection_api.services.reporting.comparison import Compared
from fraud_detection_api.services.reporting.monitoring import MonitoringReport

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
    """With what the champion is compared."""

    challenger: str = Field(
        "challenger", description="A version that was challenger, or `challenger`, the one that is.", max_length=100
    )


class ModelName(BaseModel):
    """Which model."""

    version: str
    digest: str


class EstimateBody(BaseModel):
    """A number and its 95 % interval."""

    estimate: float
    lower: float
    upper: float


class FeatureDriftBody(BaseModel):
    """How far a feature, or the score `fraud_probability`, is from the training data. It drifted where psi > alarm_level."""

    feature: str
    drifted: bool
    records: int
    psi: float | None = Field(description="Population stability index; null where there is nothing to tell from.")
    alarm_level: float = Field(description="`FRAUD_DRIFT_PSI`, or the noise floor where that is higher.")
    noise_floor: float | None = Field(description="What chance reaches with so many records, one look in a million.")
    ks: float | None = Field(description="Kolmogorov and Smirnov's distance over the bins; null for categories.")
    ks_noise_floor: float | None
    missing: float = Field(description="Share of the records without the value.")
    missing_before: float = Field(description="The same of the training data.")
    out_of_range: float = Field(description="Share beyond the training data's smallest and largest value.")
    unseen: float = Field(description="Share with a category that the training data do not have.")


class WindowBody(BaseModel):
    """A window of time, up to now; without records it has no features."""

    window: str = Field(description="hour, day or week")
    since: str
    records: int
    outcomes: dict[Outcome, int]
    drifted: list[str] = Field(description="Names of the features that drifted.")
    features: list[FeatureDriftBody]


class PerformanceBody(BaseModel):
    """Measures of decisions of known truth, those that so many records allow."""

    records: int
    frauds: int
    measures: dict[str, EstimateBody] = Field(
        description="roc_auc, average_precision; recall and precision of what was reviewed or declined, decline_recall and "
        "decline_precision of what was declined; calibration_error, calibration_slope, observed_to_expected."
    )
    calibration_error_by_chance: float | None = Field(
        description="What calibration_error would be were every probability right."
    )


class MaturedPerformanceBody(PerformanceBody):
    """Of matured decisions: of those without a label, each is taken for legitimate."""

    since: str
    until: str = Field(description="Later decisions are too young: their labels may still come.")
    labelled: int
    assumed_legitimate: int
    complete: bool = Field(description="False where there were more than 200,000: the newest are measured.")


class MonitoringBody(BaseModel):
    """The champion now: drift of its windows, performance of its matured decisions."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model": _MODEL,
                "at": "2026-11-22T10:02:07.000Z",
                "windows": [_WINDOW],
                "performance": _MATURED,
            }
        }
    )

    model: ModelName
    at: str
    windows: list[WindowBody]
    performance: MaturedPerformanceBody


class MoneyBody(BaseModel):
    """Mean cost of 1,000 decisions of known truth, at the costs of one policy; below 0 the challenger saves."""

    policy_version: str
    champion: float
    challenger: float
    difference: EstimateBody


class LatencyBody(BaseModel):
    """Microseconds to score and explain one record, both measured in turns just now."""

    champion_us: float
    challenger_us: float


class GateBody(BaseModel):
    """Whether the challenger may be promoted; else why not."""

    passed: bool
    reasons: list[str]


class ComparedModels(BaseModel):
    """The two sides."""

    champion: ModelName
    challenger: ModelName


_DIFFERENCE: dict[str, JsonValue] = {"estimate": 0.0081, "lower": 0.0032, "upper": 0.0129}


class ComparisonBody(BaseModel):
    """Champion and challenger on the decisions that both made."""

    model_config = ConfigDict(
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
        }
    )

    models: ComparedModels
    since: str
    matured_until: str = Field(description="The truth of later decisions is not known yet.")
    gate: GateBody
    decisions: int
    known: int = Field(description="Decisions of known truth.")
    frauds: int
    agreement: EstimateBody | None = Field(description="Share of decisions with the same outcome.")
    swaps: dict[Outcome, dict[Outcome, int]] = Field(
        description="Decisions by the champion's outcome, then the challenger's."
    )
    score_psi: float | None = Field(description="How far the challenger's probabilities are from the champion's.")
    expected_cost_per_1000: dict[str, float] = Field(description="By each model's own probabilities and costs.")
    cost_per_1000: list[MoneyBody]
    differences: dict[str, EstimateBody] = Field(
        description="Challenger less champion, roc_auc and average_precision, with paired intervals."
    )
    champion: PerformanceBody
    challenger: PerformanceBody
    latency: LatencyBody | None


def monitoring_body(report: MonitoringReport) -> MonitoringBody:
    """The wire form of a report."""
    return MonitoringBody.model_validate(report.as_json())


def comparison_body(compared: Compared) -> ComparisonBody:
    """The wire form of a comparison."""
    told: dict[str, Any] = compared.as_json()
    return ComparisonBody.model_validate(told)
