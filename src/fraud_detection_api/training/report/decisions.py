"""What thresholds catch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, ORANGE
from fraud_detection_api.report.document import Cell, Measured, Paragraph, Plot, Section, Table, Words
from fraud_detection_api.report.numbers import count, number, percent, percent_range, percent_with_interval
from fraud_detection_api.report.scales import limit_shares, show_percents
from fraud_detection_api.training.report.material import Material

USUAL_SHARE = 0.01


def capture(material: Material) -> Section:
    """What is caught when a given share of the records is checked."""
    budgets, words = material.evidence["capture"], material.words
    if not budgets:
        none = (
            "The test part is too small, or its highest probabilities are too equal, to set a threshold for any budget."
        )
        return Section("capture", "Alert budgets", [Paragraph(none)])
    usual = min(budgets, key=lambda budget: abs(budget["alert_share"] - USUAL_SHARE))
    caught = percent_with_interval(usual["recall"], usual["recall_low"], usual["recall_high"])
    here = (
        f"Checking {percent(usual['alert_share'])} of the records finds {caught} of the {words.events}; "
        f"{percent(usual['precision'])} of those alerts are right, which is {number(usual['lift'])} times the base rate."
    )
    plot = Plot(
        paint_capture,
        "Caught at an alert budget",
        {"budgets": budgets},
        f"For each share of records that a team can check: how many {words.events} it finds, and how many alerts are right. "
        "Bars are 95 % intervals (Wilson).",
        here,
    )
    headings = [
        "budget",
        "alerts",
        "threshold",
        f"{words.events} caught (recall)",
        "alerts that are right (precision)",
        "lift",
    ]
    table = Table("Alert budgets, with 95 % intervals", headings, [_budget(budget) for budget in budgets])
    return Section("capture", "Alert budgets", [plot, table])


def _budget(budget: Mapping[str, Any]) -> list[Cell]:
    return [
        percent(budget["alert_share"]),
        count(budget["alerts"]),
        percent(budget["threshold"]),
        *(
            Measured(percent(budget[name]), percent_range(budget[f"{name}_low"], budget[f"{name}_high"]))
            for name in ("recall", "precision")
        ),
        number(budget["lift"]),
    ]


def paint_capture(figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Recall and precision with intervals at each alert budget, on a logarithmic axis."""
    budgets = data["budgets"]
    shares = np.array([budget["alert_share"] for budget in budgets])
    axes.set_xscale("log")
    named = (
        ("recall", f"{words.events} caught", BLUE, "o-", 0.97),
        ("precision", "alerts that are right", ORANGE, "s--", 1.03),
    )
    for name, label, color, style, aside in named:
        middle, low, high = (np.array([budget[name + end] for budget in budgets]) for end in ("", "_low", "_high"))
        axes.plot(shares * aside, middle, style, color=color, markersize=4, label=label)
        axes.vlines(shares * aside, low, high, color=color, linewidth=1)
    show_percents(axes.xaxis, [0.001, 0.01, 0.05, 0.2] if shares[0] < 0.005 else shares.tolist())
    axes.set_xticks([], minor=True)
    axes.set_xlim(shares[0] * 0.85, shares[-1] * 1.18)
    limit_shares(axes, 1.0)
    axes.set_xlabel("share of the records checked")
    axes.set_ylabel("share, with 95 % interval")
    figure.legend(loc="outside upper left", ncols=2)
