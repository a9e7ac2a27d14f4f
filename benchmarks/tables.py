"""Rows as Markdown."""

import os
import platform
from collections.abc import Sequence
from datetime import date

from benchmarks.installation import installed_version, processor
from benchmarks.measures import Calibrated, Row
from benchmarks.rivals import THREADS

LIBRARIES = ("xgboost-cpu", "xgboost", "scikit-learn", "lightgbm", "catboost", "optuna", "numpy", "polars")
CALIBRATION = ("ECE uncalibrated", "ECE", "ECE by chance: mean", "95 %")


def table(title: str, metrics: Sequence[str], rows: Sequence[Row]) -> str:
    """A protocol's table, the best measured or published figure of each metric in bold."""
    best = {metric: max(row.figures.get(metric, 0.0) for row in rows) for metric in metrics}
    headings = ["", *metrics, *CALIBRATION, "seconds", "source"]
    lines = [headings, ["---"] * len(headings)]
    for row in rows:
        figures = [_figure(row.figures.get(metric), best[metric], row.errors.get(metric)) for metric in metrics]
        lines.append([row.name, *figures, *_calibration(row.calibration), _seconds(row.seconds), row.source])
    return f"### {title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def page(tables: Sequence[str], *, today: date, command: str) -> str:
    """The tables with what they were made on."""
    return (
        "# How good the models are\n\n"
        f"Written by `{command}` on {today.isoformat()}; {_machine()}. Do not edit: run it again.\n\n"
        "Figures are means over the protocol's folds, ± their standard error: folds differ in how hard they "
        "are, more than two models on one fold do, and repeats share their records. “Seconds” are "
        "those of all trainings and scorings, on "
        f"{THREADS} thread for every library. ECE is the expected calibration error of all folds' predictions, over "
        "20 bins of equal count; beside it stands what chance alone makes of a perfectly calibrated model's "
        "predictions on as many records: mean, and what 95 % of draws stay below. `fraud-detection-api` runs with the "
        "same settings on every file. Published rows were measured by others, where the source says so on folds of "
        "their own.\n\n" + "\n".join(tables)
    )


def _figure(figure: float | None, best: float, error: float | None) -> str:
    if figure is None:
        return ""
    text = f"{figure:.4f}"
    marked = f"**{text}**" if text == f"{best:.4f}" else text
    return marked if error is None else f"{marked} ± {error:.4f}"


def _calibration(found: Calibrated | None) -> list[str]:
    if found is None:
        return [""] * len(CALIBRATION)
    figures = (found.before, found.error, found.floor.mean, found.floor.most)
    return ["" if figure is None else f"{figure:.4f}" for figure in figures]


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"


def _machine() -> str:
    installed = [f"{name} {found}" for name in LIBRARIES if (found := installed_version(name))]
    return f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(installed)}"
