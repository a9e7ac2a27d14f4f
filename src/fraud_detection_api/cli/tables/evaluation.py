"""How good a model is."""

from collections.abc import Mapping
from typing import Any

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
