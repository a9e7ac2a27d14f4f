"""Rows as Markdown."""

import math
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
    best = {metric: _best(metric, [row.figures[metric] for row in rows if metric in row.figures]) for metric in metrics}
    headings = ["", *metrics, *CALIBRATION, "seconds", "source"]
    lines = [headings, ["---"] * len(headings)]
    for row in rows:
        figures = [_figure(row.figures.get(metric), best[metric], row.errors.get(metric)) for metric in metrics]
        lines.append([row.name, *figures, *_calibration(row.calibration), _seconds(row.seconds), row.source])
    return f"## {title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _best(metric: str, figures: Sequence[float]) -> float:
    """The lowest log loss, and the highest of all else."""
    return min(figures) if metric == "log loss" else max(figures)


def page(tables: Sequence[str], *, today: date, command: str) -> str:
    """The tables with what they were made on."""
    return (
        f"# How good the models are\n\n{_INTRODUCTION}\n\n"
        f"`{command}` wrote this page on {today.isoformat()} on {_machine()}. Do not edit the page; run the command again."
        f"\n\n## How to read the tables\n\n{_READING}\n" + "\n".join(tables)
    )


_INTRODUCTION = """\
This page compares the models of this product with other libraries and with published results on six public data sets.
Read it to see what to expect from a model, or to check a change to training."""

_READING = f"""\
- AUC is the area under the ROC curve. AP is average precision. CP@100 is card precision: the share of defrauded
  customers among the 100 highest-scored customers of a day, averaged over the days. For all three, higher is
  better. For log loss (in nats), lower is better. The best value is bold.
- Figures are means over the protocol's folds, ± their standard error. The standard error also contains the
  differences between the folds, which are larger than the differences between models on one fold. Repeats share
  their records.
- ECE is the expected calibration error over 20 bins of equal count, computed on the predictions of all folds. Lower
  is better. A perfectly calibrated model also shows some error by chance: the next columns give its mean and its 95
  % limit for as many records.
- "Seconds" is the time of all training and scoring, on {THREADS} thread for every library.
- `fraud-detection-api` decides by itself: in every training, four recipes compete, and the winner is trained. The
  seconds include the competition. In the rows marked "tuned", the settings were searched for beforehand: by what `fraud
  tune` does, and by Optuna for the other libraries, each with the same processor time and on the same inner folds.
- All other rows of other libraries are their defaults. Published rows were measured by others. Where they used other
  folds of the same data, the source column says so.
"""


def _figure(figure: float | None, best: float, error: float | None) -> str:
    if figure is None:
        return ""
    text = f"{figure:.4f}"
    marked = f"**{text}**" if text == f"{best:.4f}" else text
    return marked if error is None or math.isnan(error) else f"{marked} ± {error:.4f}"


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
