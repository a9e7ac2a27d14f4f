"""The plots by their names."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.training.report.document import Plot
from fraud_detection_api.training.report.plots.calibration import reliability
from fraud_detection_api.training.report.plots.canvas import draw
from fraud_detection_api.training.report.plots.decisions import capture, costs
from fraud_detection_api.training.report.plots.dependence import dependence, levels
from fraud_detection_api.training.report.plots.drift import drift_bins, drift_trend, outcome_trend
from fraud_detection_api.training.report.plots.learning import rounds, training_size
from fraud_detection_api.training.report.plots.policy import outcome_costs, threshold_costs
from fraud_detection_api.training.report.plots.ranking import precision_recall, roc, scores
from fraud_detection_api.training.report.plots.tuning import tuning_history, tuning_importance
from fraud_detection_api.training.report.words import Words

Paint: TypeAlias = Callable[[Figure, Axes, Mapping[str, Any], Words], None]

KINDS: dict[str, Paint] = {
    "roc": roc,
    "precision_recall": precision_recall,
    "scores": scores,
    "reliability": reliability,
    "capture": capture,
    "costs": costs,
    "outcome_costs": outcome_costs,
    "threshold_costs": threshold_costs,
    "rounds": rounds,
    "training_size": training_size,
    "dependence": dependence,
    "levels": levels,
    "drift_bins": drift_bins,
    "drift_trend": drift_trend,
    "outcome_trend": outcome_trend,
    "tuning_history": tuning_history,
    "tuning_importance": tuning_importance,
}


def svg(plot: Plot, words: Words, *, name: str, small: bool) -> str:
    """The plot as an `<svg>` element; `name` is unique within the page."""
    paint = KINDS[plot.kind]
    return draw(
        lambda figure, axes: paint(figure, axes, plot.data, words),
        name=name,
        title=plot.title,
        description=f"{plot.reading} {plot.here}".strip(),
        small=small,
    )
