"""The model card as Markdown, for a repository or a registry's page: the report's facts without its plots."""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.report.markdown import markdown_text, section_lines
from fraud_detection_api.training.report.contents import contents
from fraud_detection_api.training.report.material import Material


def card_markdown(card: Mapping[str, Any], evidence: Mapping[str, Any]) -> bytes:
    """The card of a model, GitHub-flavoured Markdown in UTF-8, short; the same arguments give the same bytes.

    `evidence` is what `evidence.gather.gather_evidence` returns. Raises KeyError where the card lacks what every card has,
    ValueError for an unknown purpose.
    """
    material = Material.of(card, evidence)
    lines = [f"# Model card: {markdown_text(material.contract_name)}", "", markdown_text(material.identity), ""]
    for section in contents(material):
        if section.in_card:
            lines += section_lines(section)
    return ("\n".join(lines).rstrip() + "\n").encode()
