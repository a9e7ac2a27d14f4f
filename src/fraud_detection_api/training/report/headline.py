"""The figures that readers look for first, and whether the probabilities are right."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.report.beside import beside_table
from fraud_detection_api.report.canvas import BLUE, GREY
from fraud_detection_api.report.document import Block, Gallery, Paragraph, Plot, Section, Table, Tile, Tiles, Words
from fraud_detection_api.report.numbers import count, decimal, measure_text, number, percent, percent_range, range_of
from fraud_detection_api.report.scales import log_odds, show_log_odds
from fraud_detection_api.training.report.material import Material


@dataclass(frozen=True, slots=True)
class _Style:
    is_share: bool = False
    lower_is_better: bool = False
    guessing: Callable[[float], float] | None = None  # the measure where every record gets the base rate


def _entropy(base: float) -> float:
    return -sum(share * math.log(share) for share in (base, 1 - base) if share > 0)


_STYLES = {
    "roc_auc": _Style(guessing=lambda _base: 0.5),
    "average_precision": _Style(guessing=lambda base: base),
    "recall_at_1pct_fpr": _Style(is_share=True, guessing=lambda _base: 0.01),
    "recall_at_5pct_fpr": _Style(is_share=True, guessing=lambda _base: 0.05),
    "precision_at_top_100": _Style(is_share=True, guessing=lambda base: base),
    "brier": _Style(lower_is_better=True, guessing=lambda base: base * (1 - base)),
    "log_loss": _Style(lower_is_better=True, guessing=_entropy),
    "expected_calibration_error": _Style(is_share=True, lower_is_better=True),
}
_TILES = ("roc_auc", "average_precision", "recall_at_1pct_fpr", "expected_calibration_error")


def headline(material: Material) -> Section:
    """Every measure with its interval, beside guessing and, where it is known, the best possible."""
    evaluation, words = material.card["evaluation"], material.words
    known = any(estimate.get("bayes_limit") is not None for estimate in material.metrics.values())
    headings = ["measure", "value", "95 % interval", "guessing", *(["best possible"] if known else [])]
    rows = [
        _row(name, estimate, material.evidence["base_rate"], known=known) for name, estimate in material.metrics.items()
    ]
    measured = (
        f"Measured on {count(evaluation['rows'])} held-out records with {count(evaluation['frauds'])} {words.events}, "
        "which had no part in making the model. Guessing gives every record the base rate as its probability."
    )
    table = Table("Figures of the held-out test part, with 95 % bootstrap intervals", headings, rows, 10)
    tiles = [
        Tile(measure_text(name), metric_text(name, estimate["value"]), _interval(name, estimate))
        for name in _TILES
        if (estimate := material.metrics.get(name)) is not None
    ]
    blocks = [Paragraph(measured), Tiles(tiles), *_workload(material), table, *_baseline(material)]
    return Section("headline", "Headline figures", blocks)


def _workload(material: Material) -> list[Block]:
    """How much people would have to review, and how many would be declined. Cards without a policy do not say."""
    stated = material.card.get("policy")
    if stated is None:
        return []
    shares, a_day = stated["shares"], stated["records_a_day"]
    said = [
        f"{percent(shares[outcome])} of the records would be {verb}"
        + ("" if a_day is None else f" ({number(a_day * shares[outcome])} a day)")
        for outcome, verb in (("review", "reviewed"), ("decline", "declined"))
    ]
    return [Paragraph(f"Under version {stated['version']} of the policy, {' and '.join(said)}.")]


def _baseline(material: Material) -> list[Block]:
    """The model beside a logistic scorecard. Cards of earlier versions have none."""
    found = material.card.get("baseline")
    if found is None:
        return []
    explained = (
        f"A logistic scorecard of the same training records is the baseline ({count(found['columns'])} columns: "
        "standardised numbers, frequent levels, and flags for missing values). A model that is no better than it is not "
        "worth its complexity."
    )
    caption = "Beside a logistic scorecard, on the same held-out records"
    return [Paragraph(explained), beside_table(found, other="scorecard", caption=caption)]


def metric_text(name: str, figure: float) -> str:
    """A measure's value with its unit.

    >>> metric_text("recall_at_1pct_fpr", 0.4912), metric_text("roc_auc", 0.94651)
    ('49.1 %', '0.9465')
    """
    return percent(figure) if _style(name).is_share else decimal(figure)


def _style(name: str) -> _Style:
    return _STYLES.get(name, _Style())


def _interval(name: str, estimate: Mapping[str, Any]) -> str:
    interval = percent_range if _style(name).is_share else range_of
    return interval(estimate["low"], estimate["high"])


def _row(name: str, estimate: Mapping[str, Any], base_rate: float, *, known: bool) -> list[str]:
    guess, limit = _style(name).guessing, estimate.get("bayes_limit")
    guessed = metric_text(name, guess(base_rate)) if guess is not None else ""
    best = [metric_text(name, limit) if limit is not None else ""] if known else []
    label = measure_text(name) + (" (lower is better)" if _style(name).lower_is_better else "")
    return [label, metric_text(name, estimate["value"]), _interval(name, estimate), guessed, *best]


def calibration(material: Material) -> Section:
    """Reliability before and after calibration, and the figures of both."""
    bins = material.evidence["reliability"]
    before = (
        "On the dashed line the probability is right. Each point stands for the same number of records. Bars are 95 % "
        "intervals."
    )
    after = (
        "Below the line the probability is too high, above it too low. Triangles at the bottom are points without any "
        f"{material.words.event}."
    )
    plots = [
        Plot(
            paint_reliability,
            f"Reliability {when} calibration",
            {"bins": bins[when]},
            reading,
            _here(bins[when], material),
        )
        for when, reading in (("before", before), ("after", after))
    ]
    return Section("calibration", "Calibration", [*_facts(material), Gallery(plots)])


def _here(bins: Sequence[Mapping[str, Any]], material: Material) -> str:
    within = sum(each["low"] <= each["mean_probability"] <= each["high"] for each in bins)
    top = bins[-1]
    return (
        f"{count(within)} of {count(len(bins))} points agree with the line. At the top point the mean probability is "
        f"{percent(top['mean_probability'])}, and the {material.words.rate} is {percent(top['fraud_rate'])}."
    )


def _facts(material: Material) -> list[Block]:
    card = material.card.get("calibration")
    if not card:
        return [Paragraph("The card does not say how the probabilities were calibrated.")]
    deployed = card.get("deployed_base_rate")
    assumed = (
        f"the stated {material.words.rate} in service, {percent(deployed)}"
        if deployed is not None
        else "the data's own"
    )
    method = f"Method: {card['method']}, fitted on records that the trees were not grown on. Base rate: {assumed}."
    rows = [
        [measure_text(name), metric_text(name, card["before"][name]), metric_text(name, card["after"][name])]
        for name in card["before"]
    ]
    return [
        Paragraph(method),
        Table("Probabilities before and after calibration", ["measure", "before", "after"], rows),
    ]


def paint_reliability(_figure: Figure, axes: Axes, data: Mapping[str, Any], words: Words) -> None:
    """Fraud rate with its interval against the mean probability, bin by bin, both in log-odds."""
    stated, observed, low, high = (
        log_odds([each[name] for each in data["bins"]]) for name in ("mean_probability", "fraud_rate", "low", "high")
    )
    floor = min(float(stated.min()), float(high.min())) - 0.7
    ceiling = max(float(stated.max()), float(high.max())) + 0.4
    axes.plot([floor, ceiling], [floor, ceiling], color=GREY, linestyle="--", linewidth=0.9)
    axes.vlines(stated, np.maximum(low, floor), high, color=BLUE, linewidth=1.2, alpha=0.6)
    is_shown = observed > floor
    axes.plot(stated[is_shown], observed[is_shown], "o", color=BLUE, markersize=3.5)
    axes.plot(stated[~is_shown], np.full(int((~is_shown).sum()), floor), "v", color=BLUE, markersize=4, clip_on=False)
    axes.set_xlim(floor, ceiling)
    axes.set_ylim(floor, ceiling)
    show_log_odds(axes.xaxis, floor, ceiling)
    show_log_odds(axes.yaxis, floor, ceiling)
    axes.set_xlabel("mean probability (log-odds scale)")
    axes.set_ylabel(words.rate)
