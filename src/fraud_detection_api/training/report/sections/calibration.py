"""Whether the probabilities are right."""

from collections.abc import Mapping, Sequence
from typing import Any

from fraud_detection_api.report.document import Block, Gallery, Paragraph, Plot, Section, Table
from fraud_detection_api.report.measures import measure_text
from fraud_detection_api.report.numbers import count, percent
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.plots import calibration as paint
from fraud_detection_api.training.report.sections.headline import metric_text


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
    plots = [_plot(when, reading, bins[when], material) for when, reading in (("before", before), ("after", after))]
    return Section("calibration", "Calibration", [*_facts(material), Gallery(plots)])


def _plot(when: str, reading: str, bins: Sequence[Mapping[str, Any]], material: Material) -> Plot:
    return Plot(paint.reliability, f"Reliability {when} calibration", {"bins": bins}, reading, _here(bins, material))


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
