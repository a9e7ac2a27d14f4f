"""What thresholds catch and cost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE
from fraud_detection_api.report.document import Block, Cell, Measured, Paragraph, Plot, Section, Table, Words
from fraud_detection_api.report.numbers import count, number, percent, percent_range, percent_with_interval
from fraud_detection_api.report.scales import limit_shares, log_odds, show_log_odds, show_percents
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


def costs(material: Material) -> Section:
    """Cost by threshold, for several costs of a missed fraud."""
    words, evidence = material.words, material.evidence["costs"]
    explained = (
        f"Suppose that a missed {words.event} costs r times as much as a false alert. The best threshold of a calibrated "
        "probability is then 1 / (1 + r). Costs are in false alerts per 1,000 records. They are compared with the cheaper "
        "trivial rule: no alerts at all, or an alert on every record."
    )
    plot = Plot(
        paint_costs,
        "Cost by threshold",
        evidence,
        "Below 1, the model is cheaper than the better trivial rule; the dot is the threshold 1 / (1 + r). Where the line "
        "is flat, the exact threshold matters little.",
        _saving(evidence["ratios"][len(evidence["ratios"]) // 2], words.event),
    )
    headings = [
        "r",
        "threshold 1/(1 + r)",
        "cost there",
        "cost of the trivial rule",
        "saved",
        "cheapest threshold here",
    ]
    table = Table("Costs, in false alerts per 1,000 records", headings, [_ratio(r) for r in evidence["ratios"]])
    blocks: list[Block] = [Paragraph(explained), plot, table]
    return Section("costs", "Costs", blocks)


def _saving(ratio: Mapping[str, Any], event: str) -> str:
    saved = _saved(ratio)
    return (
        f"Where a missed {event} costs {ratio['ratio']} false alerts, flagging from "
        f"{percent(ratio['theoretical_threshold'])} on saves {saved.value} ({saved.interval}) of the cost."
    )


def _saved(ratio: Mapping[str, Any]) -> Measured:
    return Measured(percent(1 - ratio["theoretical_relative"]), percent_range(1 - ratio["high"], 1 - ratio["low"]))


def _ratio(ratio: Mapping[str, Any]) -> list[Cell]:
    best = ratio["best_threshold"]
    return [
        str(ratio["ratio"]),
        percent(ratio["theoretical_threshold"]),
        number(ratio["theoretical_cost"]),
        number(ratio["trivial_cost"]),
        _saved(ratio),
        "none: no alerts" if best is None else percent(best),
    ]


_LINES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
_HIGHEST_COST = 1.5


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


def paint_costs(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Cost divided by that of the better trivial rule, by threshold; a line for each ratio."""
    at = log_odds(data["threshold"])
    axes.axhline(1, color=GREY, linewidth=0.9)
    best_at = log_odds([ratio["theoretical_threshold"] for ratio in data["ratios"]])
    for ratio, best, (color, style) in zip(data["ratios"], best_at, _LINES, strict=False):
        axes.plot(at, ratio["relative"], style, color=color, label=f"r = {ratio['ratio']}")
        axes.plot([best], [ratio["theoretical_relative"]], "o", color=color, markersize=5)
    axes.set_ylim(0, _HIGHEST_COST)
    # the best thresholds differ even where all probabilities look the same
    low, high = min(float(at[0]), float(best_at.min()) - 0.3), max(float(at[-1]), float(best_at.max()) + 0.3)
    axes.set_xlim(low, high)
    show_log_odds(axes.xaxis, low, high)
    axes.set_xlabel("threshold: flag from this probability (log-odds scale)")
    axes.set_ylabel("cost / cost of the better trivial rule")
    figure.legend(loc="outside upper left", ncols=4)
