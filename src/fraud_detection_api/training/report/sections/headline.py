"""The figures that readers look for first."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fraud_detection_api.report.document import Paragraph, Section, Table, Tile, Tiles
from fraud_detection_api.report.measures import measure_text
from fraud_detection_api.report.numbers import count, decimal, percent, percent_range, range_of
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
    tiles = [_tile(name, material.metrics[name]) for name in _TILES if name in material.metrics]
    return Section("headline", "Headline figures", [Paragraph(measured), Tiles(tiles), table])


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


def _tile(name: str, estimate: Mapping[str, Any]) -> Tile:
    return Tile(measure_text(name), metric_text(name, estimate["value"]), _interval(name, estimate))
