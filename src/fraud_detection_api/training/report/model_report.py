"""The report of a model as one HTML page."""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.report.numbers import count
from fraud_detection_api.report.page import page_html
from fraud_detection_api.training.report.contents import contents
from fraud_detection_api.training.report.material import Material


def report_html(card: Mapping[str, Any], evidence: Mapping[str, Any]) -> bytes:
    """The page of a model card and its evidence, UTF-8; the same arguments give the same bytes.

    `evidence` is what `evidence.gather.gather_evidence` returns. Raises KeyError where the card lacks what every card has,
    ValueError for an unknown purpose.
    """
    material = Material.of(card, evidence)
    data, words = card["data"], material.words
    lead = f"Trained on {count(data['rows'])} records with {count(data['frauds'])} {words.events}. {material.identity}"
    return page_html(f"Model report: {material.contract_name}", lead, contents(material), words)
