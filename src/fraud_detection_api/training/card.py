"""The model card: facts about a model. No time and no path, so that the same training always has the same digest."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import xgboost

from fraud_detection_api import __version__
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.model.bundle import read_card
from fraud_detection_api.services.models.registry import ExperimentTracker
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import Split, SplitSettings, delay_in_days, rows_before_test
from fraud_detection_api.training.evaluate import Evaluation
from fraud_detection_api.training.fit_scorer import FittedScorer, MeasuredTest, ScorerFitter
from fraud_detection_api.training.recipes import Race

CALIBRATION_METRICS = ("expected_calibration_error", "brier", "log_loss")


@dataclass(frozen=True, slots=True)
class Learned:
    """A fitted scorer and the records that it was fitted on."""

    fitted: FittedScorer
    data: Dataset


@dataclass(frozen=True)
class Making:
    """How a model was made and how good it is: `fitted` was measured, and `final` is registered.

    `beside` are further parts of the card by name, such as the baseline.
    """

    data: Dataset
    split: Split
    split_settings: SplitSettings
    fitter: ScorerFitter
    fitted: FittedScorer
    measured: MeasuredTest
    final: Learned
    race: Race | None
    warnings: Sequence[str]
    constraint_prices: Sequence[Mapping[str, Any]]
    policy: Mapping[str, Any]
    tuning: Mapping[str, Any] | None
    beside: Mapping[str, Any] = field(default_factory=dict)


def model_card(making: Making) -> dict[str, Any]:
    """The card, as a JSON value."""
    data, fitter = making.data, making.fitter
    card = {
        "purpose": data.contract.purpose,
        "contract": contract_card(data.contract),
        "data": {
            "rows": len(data),
            "frauds": int(data.is_fraud.sum()),
            "period": _period(data),
            "digest": data.digest,
        },
        "features": list(making.final.fitted.scorer.encoder.column_names),
        "split": split_card(data, making.split, making.split_settings),
        "training": {
            "seed": fitter.seed,
            "settings": asdict(fitter.settings),
            "rounds": list(making.fitted.trees.rounds),
            **_grown(fitter),
            **_race(making),
            **_refit(making),
        },
        "evaluation": making.measured.after.as_json(),
        "calibration": {
            "method": "logistic",
            "deployed_base_rate": fitter.deployed_base_rate,
            "before": _calibration(making.measured.before),
            "after": _calibration(making.measured.after),
        },
        "policy": dict(making.policy),
        "constraint_prices": [dict(price) for price in making.constraint_prices],
        "warnings": list(making.warnings),
        "software": {
            "fraud-detection-api": __version__,
            "python": platform.python_version(),
            "xgboost": xgboost.__version__,
            "numpy": np.__version__,
            "polars": pl.__version__,
        },
    }
    return card | dict(making.beside) | ({"tuning": dict(making.tuning)} if making.tuning else {})


def _grown(fitter: ScorerFitter) -> dict[str, Any]:
    """What else decided on the trees, where they did not grow on processors that each had all records."""
    together = {"together": True} if fitter.together else {}
    return together if fitter.device == "cpu" else {**together, "device": fitter.device}


def _race(making: Making) -> dict[str, Any]:
    """The recipes that were compared to choose the settings, if any were."""
    return {} if making.race is None else {"race": [runner.as_json() for runner in making.race.runners]}


def _refit(making: Making) -> dict[str, Any]:
    """The training of the registered model, where it is not the one that was measured."""
    final = making.final
    if final.fitted is making.fitted:
        return {}
    frauds, rounds = int(final.data.is_fraud.sum()), list(final.fitted.trees.rounds)
    return {"refit": {"rows": len(final.data), "frauds": frauds, "rounds": rounds}}


def contract_card(contract: Contract) -> dict[str, str]:
    """Which contract a model follows."""
    return {"name": contract.name, "fingerprint": contract.fingerprint}


def split_card(data: Dataset, split: Split, settings: SplitSettings) -> dict[str, Any]:
    """How `hold_out(data, settings)` split the records, and how many are in each part.

    Only a split by time leaves records out: the labels of `rows_in_delay`, between the parts, were not known when the test
    part began; `rows_of_known` belong to entities already known as fraudulent.
    """
    parts = {"train": split.train, "test": split.test}
    counted = {name: {"rows": len(rows), "frauds": int(data.is_fraud[rows].sum())} for name, rows in parts.items()}
    return {"kind": split.kind, "test_share": settings.test_share, **_in_time(data, split, settings), **counted}


def _in_time(data: Dataset, split: Split, settings: SplitSettings) -> dict[str, Any]:
    if split.kind != "time":
        return {"delay_days": None, "rows_in_delay": 0, "leave_out_known": False, "rows_of_known": 0}
    before = rows_before_test(data, settings)
    return {
        "delay_days": delay_in_days(data, settings.delay_days),
        "rows_in_delay": before - len(split.train),
        "leave_out_known": settings.leave_out_known,
        "rows_of_known": len(data) - before - len(split.test),
    }


def _calibration(evaluation: Evaluation) -> dict[str, float]:
    return {name: evaluation.metrics[name].estimate for name in CALIBRATION_METRICS}


def _period(data: Dataset) -> list[str] | None:
    """First and last time of the records, ISO 8601; None where the contract has no time column."""
    if data.seconds is None:
        return None
    return [timestamp(datetime.fromtimestamp(float(edge(data.seconds)), UTC)) for edge in (np.min, np.max)]


def timestamp(moment: datetime) -> str:
    """A moment in UTC, ISO 8601 to the second.

    >>> timestamp(datetime(2026, 11, 22, 10, tzinfo=UTC))
    '2026-11-22T10:00:00Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


REPORTS = ("report.html", "card.md")  # documents for people, at the top level beside the bundle
_MEASURED = ("evaluation", "learning_curve")

Parameter = str | int | float | bool


def track_training(tracker: ExperimentTracker, files: Mapping[str, bytes], *, version: str) -> str:
    """Track the training that made a registered bundle; returns the address at which a person can see it.

    Raises CorruptBundle, and RegistryUnavailable where the tracker cannot be reached.
    """
    manifest, card = read_card(files, source=f"version {version}")
    parameters, metrics = flatten_card(card)
    return tracker.track(
        digest=manifest["digest"],
        parameters=parameters,
        metrics=metrics,
        curves=dict(_curves(card.get("learning_curve", {}), "learning_curve")),
        files={f"bundle/{name}": content for name, content in files.items()}
        | {name: files[name] for name in REPORTS if name in files},
        tags={"contract": str(card.get("contract", {}).get("name", "")), "version": version},
    )


def flatten_card(card: Mapping[str, Any]) -> tuple[dict[str, Parameter], dict[str, float]]:
    """Parameters (all facts of the card, by dotted name) and metrics (of the test part, with their intervals).

    >>> parameters, metrics = flatten_card(
    ...     {"training": {"seed": 7, "rounds": [90, 85]},
    ...      "evaluation": {"rows": 600, "metrics": {"roc_auc": {"value": 0.9, "low": 0.8, "bayes_limit": None}}}}
    ... )
    >>> parameters
    {'training.seed': 7, 'training.rounds': '90, 85'}
    >>> metrics
    {'test_rows': 600.0, 'test_roc_auc': 0.9, 'test_roc_auc_low': 0.8}
    """
    stated = {name: part for name, part in card.items() if name not in _MEASURED}
    evaluation = card.get("evaluation", {})
    counted = {name: count for name, count in evaluation.items() if name != "metrics"}
    measured = {**counted, **evaluation.get("metrics", {})}
    return dict(_parameters(stated, "")), dict(_metrics(measured))


def _parameters(node: Any, name: str) -> Iterator[tuple[str, Parameter]]:
    if isinstance(node, Mapping):
        for key, member in node.items():
            yield from _parameters(member, f"{name}.{key}" if name else str(key))
    elif isinstance(node, str | int | float):
        yield name, node
    elif isinstance(node, Sequence) and all(isinstance(member, str | int | float) for member in node):
        yield name, ", ".join(map(str, node))


def _metrics(measured: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, estimate in measured.items():
        figures = estimate if isinstance(estimate, Mapping) else {"value": estimate}
        for figure, number in figures.items():
            if _is_number(number):
                yield f"test_{name}" + ("" if figure == "value" else f"_{figure}"), float(number)


def _curves(node: Any, name: str) -> Iterator[tuple[str, list[float]]]:
    """Every list of numbers, however deeply nested; its name is the path to it."""
    if isinstance(node, Mapping):
        for key, member in node.items():
            yield from _curves(member, f"{name}.{key}")
    elif isinstance(node, list) and node and all(map(_is_number, node)):
        yield name, [float(number) for number in node]
    elif isinstance(node, list):
        for index, member in enumerate(node):
            yield from _curves(member, f"{name}.{index}")


def _is_number(node: Any) -> bool:
    return isinstance(node, int | float) and not isinstance(node, bool)
