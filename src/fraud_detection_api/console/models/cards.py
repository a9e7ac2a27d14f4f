"""What a model's card says, as rows. Any release may have made it, so nothing of its shape is taken for granted."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fraud_detection_api.console.views.service import moment
from fraud_detection_api.contract.times import parse_moment
from fraud_detection_api.report.document import Words, words_for
from fraud_detection_api.report.numbers import count, decimal, measure_text, range_of
from fraud_detection_api.services.models.registered import ModelDescription


class MetricRow(NamedTuple):
    """A measure on the held-out records, with its 95 % interval, and beside it another model's and how much better it is."""

    name: str
    value: str
    interval: str


class BesideRow(NamedTuple):
    """A measure of the model and of another one on the same records, and the difference with its 95 % interval."""

    name: str
    model: str
    other: str
    difference: str
    interval: str


def part(document: Any, *names: str) -> Mapping[str, Any]:
    """A part of a document by the names that lead there; empty where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def number_in(document: Mapping[str, Any], name: str) -> float | None:
    """A finite number of a document; None for anything else."""
    found = document.get(name)
    is_number = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return float(found) if is_number else None  # type: ignore[arg-type]


def card_words(card: Mapping[str, Any]) -> Words:
    """The words of the card's purpose."""
    return words_for("credit" if card.get("purpose") == "credit" else "fraud")


def made_at(description: ModelDescription) -> str:
    """When the model was trained; empty where that cannot be read."""
    at = parse_moment(description.created_at)
    return "" if at is None else moment(at)


def records_text(card: Mapping[str, Any]) -> str:
    """What it was trained on: records, events and period; empty where the card does not say."""
    data, words = part(card, "data"), card_words(card)
    rows, frauds, period = number_in(data, "rows"), number_in(data, "frauds"), data.get("period")
    if rows is None:
        return ""
    said = f"{count(rows)} records" + ("" if frauds is None else f", {count(frauds)} {words.events}")
    if isinstance(period, list) and len(period) == 2:
        said += f", {str(period[0])[:10]} to {str(period[1])[:10]}"
    return said


def figure(card: Mapping[str, Any], name: str) -> MetricRow | None:
    """A measure of the card."""
    found, words = part(card, "evaluation", "metrics", name), card_words(card)
    value, low, high = (number_in(found, each) for each in ("value", "low", "high"))
    if value is None:
        return None
    interval = "" if low is None or high is None else range_of(low, high)
    return MetricRow(measure_text(name, words), decimal(value), interval)


def metric_rows(card: Mapping[str, Any]) -> tuple[MetricRow, ...]:
    """All measures, in the card's order."""
    names = part(card, "evaluation", "metrics")
    return tuple(row for name in names if (row := figure(card, name)) is not None)


def beside_rows(comparison: Mapping[str, Any], words: Words) -> tuple[BesideRow, ...]:
    """The measures of a card's comparison with a baseline, or with the champion of that time."""
    return tuple(_beside(comparison, words))


def _beside(comparison: Mapping[str, Any], words: Words) -> Iterator[BesideRow]:
    for name in part(comparison, "model"):
        own, other = number_in(part(comparison, "model"), name), number_in(part(comparison, "other"), name)
        if own is None or other is None:
            continue
        found = part(comparison, "differences", name)
        difference, low, high = (number_in(found, each) for each in ("difference", "low", "high"))
        yield BesideRow(
            measure_text(name, words),
            decimal(own),
            decimal(other),
            "" if difference is None else f"{difference:+.4f}",
            "" if low is None or high is None else f"{low:+.4f} to {high:+.4f}",
        )
