"""Rows as Markdown."""

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.measures import Row

LIBRARIES = ("xgboost-cpu", "xgboost", "scikit-learn", "lightgbm", "catboost", "optuna", "numpy", "polars")
CALIBRATION = ("ECE before calibration", "ECE", "ECE of a perfect one")


def table(title: str, metrics: Sequence[str], rows: Sequence[Row]) -> str:
    """A protocol's table, the best measured or published figure of each metric in bold."""
    best = {metric: max(row.figures.get(metric, 0.0) for row in rows) for metric in metrics}
    headings = ["", *metrics, *CALIBRATION, "seconds", "source"]
    lines = [headings, ["---"] * len(headings)]
    for row in rows:
        figures = [_figure(row.figures.get(metric), best[metric]) for metric in metrics]
        calibration = [f"{row.calibration[name]:.4f}" if name in row.calibration else "" for name in CALIBRATION]
        lines.append([row.name, *figures, *calibration, _seconds(row.seconds), row.source])
    return f"### {title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def page(tables: Sequence[str], *, today: date, command: str) -> str:
    """The tables with what they were made on."""
    return (
        "# How good the models are\n\n"
        f"Written by `{command}` on {today.isoformat()}; {_machine()}. Do not edit: run it again.\n\n"
        "All of one row's figures are means over the protocol's folds. ECE is the expected calibration error of all the "
        "folds' predictions, over 20 bins of equal count; “of a perfect one” is what chance alone makes of as many "
        "predictions. `fraud-detection-api` runs with the same settings on every file; published rows were measured by "
        "others, where a source says so on folds of their own.\n\n" + "\n".join(tables)
    )


def _figure(figure: float | None, best: float) -> str:
    if figure is None:
        return ""
    text = f"{figure:.4f}"
    return f"**{text}**" if text == f"{best:.4f}" else text


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"


def _machine() -> str:
    installed = [f"{name} {found}" for name in LIBRARIES if (found := _version(name))]
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(installed)}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
