"""The report of a model: its sections in order, and the whole as one HTML page."""

from collections.abc import Callable, Mapping
from typing import Any

from fraud_detection_api.report.document import Section
from fraud_detection_api.report.numbers import count
from fraud_detection_api.report.page import page_html
from fraud_detection_api.training.report import (
    columns,
    decisions,
    fairness,
    headline,
    learning,
    limits,
    making,
    policy,
    ranking,
)
from fraud_detection_api.training.report.material import Material

_BUILDERS: tuple[Callable[[Material], Section | None], ...] = (
    limits.purpose,
    headline.headline,
    limits.limits,
    making.warnings,
    ranking.ranking,
    headline.calibration,
    decisions.capture,
    policy.policy,
    fairness.fairness,
    columns.importance,
    columns.dependence,
    limits.segments,
    learning.learning,
    making.constraints,
    making.data,
    making.split,
    making.settings,
    learning.tuning,
    making.software,
)


def contents(material: Material) -> list[Section]:
    """Every section for which there is material."""
    return [section for build in _BUILDERS if (section := build(material)) is not None]


def report_html(card: Mapping[str, Any], evidence: Mapping[str, Any]) -> bytes:
    """The page of a model card and its evidence, UTF-8; the same arguments give the same bytes.

    `evidence` is what `evidence.gather.gather_evidence` returns. Raises KeyError where the card lacks what every card has,
    ValueError for an unknown purpose.
    """
    material = Material.of(card, evidence)
    data, words = card["data"], material.words
    lead = f"Trained on {count(data['rows'])} records with {count(data['frauds'])} {words.events}. {material.identity}"
    return page_html(f"Model report: {material.contract_name}", lead, contents(material), words)
