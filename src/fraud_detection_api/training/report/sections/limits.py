"""What the facts in the card say against the model."""

from collections.abc import Iterator, Mapping
from typing import Any

from fraud_detection_api.report.document import Bullets, Section
from fraud_detection_api.report.numbers import count, percent, percent_range
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.sections.segments import segment_text

FEW = 200
"""Frauds of the test part below which an interval of a recall is wider than about 14 points."""


def limits(material: Material) -> Section:
    """Known limits, derived from the facts."""
    found = [
        *_of_the_sample(material),
        *_of_time(material),
        *_of_the_population(material),
        *_of_segments(material),
        *_of_warnings(material),
    ]
    none = ["Nothing in this card speaks against the figures. That does not prove that nothing does."]
    return Section("limits", "Known limits", [Bullets(found or none, items_in_card=9)])


def _of_the_sample(material: Material) -> Iterator[str]:
    evaluation, words = material.card["evaluation"], material.words
    recall = material.metrics.get("recall_at_1pct_fpr")
    if evaluation["frauds"] < FEW:
        width = f": recall at 1 % false positives may be {_range(recall)}" if recall else ""
        yield f"Few {words.events}: the test part holds {count(evaluation['frauds'])}, so intervals are wide{width}."
    train = material.card["split"].get("train", {})
    if train.get("frauds", FEW) < FEW:
        yield f"The trees were grown on {count(train['frauds'])} {words.events}; more of them would change the model."
    if any(estimate.get("bayes_limit") is not None for estimate in material.metrics.values()):
        yield "The records are simulated. The figures show how well the model learns, and say nothing about real records."


def _range(estimate: Mapping[str, Any]) -> str:
    return percent_range(estimate["low"], estimate["high"])


def _of_time(material: Material) -> Iterator[str]:
    kind, period = material.card["split"]["kind"], material.card["data"].get("period")
    if kind != "time":
        yield (
            "The test part was drawn from the same time as the training part, not from a later time. If behaviour changes, "
            "the model will do worse than measured here."
        )
    if period is not None:
        yield f"All records are of the period from {period[0][:10]} to {period[1][:10]}; what came later is not in them."
    else:
        yield "The card does not say when the records were made."


def _of_the_population(material: Material) -> Iterator[str]:
    words, calibration = material.words, material.card.get("calibration", {})
    deployed, sampled_from = calibration.get("deployed_base_rate"), material.card["data"].get("sampled_from")
    if deployed is not None:
        yield (
            f"Probabilities assume a {words.rate} of {percent(deployed)} in service, which was stated and not measured. If "
            "the actual rate differs, they are wrong in proportion."
        )
    if sampled_from is not None:
        rows = count(material.card["data"]["rows"])
        yield f"The model was trained on a sample: {rows} of {count(sampled_from)} records."


def _of_segments(material: Material) -> Iterator[str]:
    worst = [found for found in material.evidence["slices"]["worst"] if found["beyond_chance"]]
    if worst:
        names = "; ".join(segment_text(found, material.evidence) for found in worst[:3])
        more = f"; and {count(len(worst) - 3)} more" if len(worst) > 3 else ""
        yield f"The model is worse than chance explains for these segments: {names}{more}. See “Worst segments”."


def _of_warnings(material: Material) -> Iterator[str]:
    warnings = material.card.get("warnings", [])
    if warnings:
        yield f"Training gave {count(len(warnings))} warning{'s' if len(warnings) > 1 else ''}; see “Warnings”."
