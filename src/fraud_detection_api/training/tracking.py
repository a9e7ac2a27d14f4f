"""A finished training for a tracker: the model card as flat parameters, metrics and curves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fraud_detection_api.model.bundle import read_card
from fraud_detection_api.services.models.registry import ExperimentTracker

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
