"""How good a model is, alone or beside the champion."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fraud_detection_api.cli.terminal import print_table
from fraud_detection_api.report.measures import measure_text


def print_evaluation(evaluation: Mapping[str, Any], *, title: str) -> None:
    """A row for each measure of an evaluation (its JSON form): value, interval, and the best possible where known."""
    metrics: Mapping[str, Mapping[str, float | None]] = evaluation["metrics"]
    known = any(estimate["bayes_limit"] is not None for estimate in metrics.values())
    headings = ["measure", "value", "95 % interval", *(["best possible"] if known else [])]
    rows = [_row(name, estimate, known=known) for name, estimate in metrics.items()]
    print_table(headings, rows, title=f"{title}: {evaluation['rows']:,} records, {evaluation['frauds']:,} frauds")


def _row(name: str, estimate: Mapping[str, float | None], *, known: bool) -> list[str]:
    cells = [measure_text(name), f"{estimate['value']:.4f}", f"{estimate['low']:.4f} to {estimate['high']:.4f}"]
    return [*cells, *([f"{estimate['bayes_limit']:.4f}"] if known else [])]


if TYPE_CHECKING:  # they need the training libraries
    from fraud_detection_api.training.evaluate import Difference, Estimate
    from fraud_detection_api.training.retraining import HeldOutComparison


def print_comparison(compared: "HeldOutComparison", champion: str, challenger: str) -> None:
    """A row for each measure: both models with their 95 % intervals, and how much higher the new model is."""
    rows = [
        (measure_text(name), _cell(compared.champion[name]), _cell(compared.challenger[name]), _signed(difference))
        for name, difference in compared.differences.items()
    ]
    seen = (
        "which neither model was trained on"
        if compared.unseen
        else "held out from the challenger; the champion may have been trained on some"
    )
    title = f"{compared.records:,} records, {compared.frauds:,} frauds, {seen}"
    print_table(("measure", f"champion {champion}", f"challenger {challenger}", "difference"), rows, title=title)


def _cell(estimate: "Estimate") -> str:
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _signed(difference: "Difference") -> str:
    return f"{difference.difference:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
