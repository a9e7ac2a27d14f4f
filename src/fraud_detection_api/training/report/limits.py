"""What the model is for, what speaks against it, and the segments for which it is worst."""

from collections.abc import Iterator, Mapping
from typing import Any

from fraud_detection_api.report.bands import band_text
from fraud_detection_api.report.document import Block, Bullets, Cell, Measured, Paragraph, Section, Table
from fraud_detection_api.report.fairness import low_lines
from fraud_detection_api.report.numbers import count, percent, percent_range, shown_dtype
from fraud_detection_api.training.report.material import Material

FEW = 200
"""Frauds of the test part below which an interval of a recall is wider than about 14 points."""


def limits(material: Material) -> Section:
    """Known limits, derived from the facts."""
    found = [
        *_of_the_sample(material),
        *_of_time(material),
        *_of_the_population(material),
        *_of_segments(material),
        *_of_fairness(material),
        *_of_warnings(material),
    ]
    none = ["Nothing in this card speaks against the figures. That does not prove that nothing does."]
    return Section("limits", "Known limits", [Bullets(found or none, items_in_card=9)])


def _of_the_sample(material: Material) -> Iterator[str]:
    evaluation, words = material.card["evaluation"], material.words
    recall = material.metrics.get("recall_at_1pct_fpr")
    if evaluation["frauds"] < FEW:
        width = (
            f": recall at 1 % false positives may be {percent_range(recall['low'], recall['high'])}" if recall else ""
        )
        yield f"Few {words.events}: the test part holds {count(evaluation['frauds'])}, so intervals are wide{width}."
    train = material.card["split"].get("train", {})
    if train.get("frauds", FEW) < FEW:
        yield f"Training had only {count(train['frauds'])} {words.events}; a model from more {words.events} will differ."
    if any(estimate.get("bayes_limit") is not None for estimate in material.metrics.values()):
        yield "The records are simulated. The figures show how well the model learns, and say nothing about real records."


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


def _of_fairness(material: Material) -> Iterator[str]:
    found = material.card.get("fairness") or []
    if not found:
        yield "Fairness is not measured with this policy; see “Fairness”."
    yield from low_lines(found)


def _of_warnings(material: Material) -> Iterator[str]:
    warnings = material.card.get("warnings", [])
    if warnings:
        yield f"Training gave {count(len(warnings))} warning{'s' if len(warnings) > 1 else ''}; see “Warnings”."


_NOT_FOR = {
    "fraud": (
        (
            "Proving fraud. A decline follows from the probability and the policy's costs, and can be wrong: let a person "
            "look at it if the customer disputes it."
        ),
        "Records of another contract, or of another population than the training data. The model scores those as well.",
    ),
    "credit": (
        (
            "Deciding because of the probability alone. Refused applicants may ask why, and the law may require reasons "
            "(Regulation B in the United States) or a human decision (GDPR article 22). The European Union's AI Act "
            "classifies credit scoring of people as high-risk."
        ),
        "Claiming that groups are treated alike. What was measured of that is under “Fairness”.",
        "Records of another contract, or of applicants unlike those in the training data.",
    ),
}
_FOR = {
    "fraud": "It ranks records by how likely they are fraud. The probability is calibrated, so a policy can "
    "weigh it against costs, and approve, review or decline each record.",
    "credit": "It estimates how likely an applicant or borrower is to default. The probability is calibrated, so it can "
    "be weighed against margins and losses.",
}


def purpose(material: Material) -> Section:
    """Intended use, and what the model is not for."""
    kind = material.card.get("purpose", "fraud")
    columns = count(len(material.card["features"]))
    reads = f"It reads {columns} columns of records that follow the contract “{material.contract_name}”."
    blocks: list[Block] = [
        Paragraph(f"{_FOR[kind]} {reads}"),
        Paragraph("It is not meant for:"),
        Bullets(_NOT_FOR[kind]),
    ]
    return Section("purpose", "What this model is for", blocks)


TITLE = "Worst segments"


def segments(material: Material) -> Section:
    """The table of worst segments."""
    found, words = material.evidence["slices"], material.words
    whole, worst = found["whole"], found["worst"]
    measured = (
        f"{count(found['looked_at'])} segments were measured: bands of each column, levels, and missing values. The "
        f"threshold is the one that flags 1 % of all {words.others}, {percent(found['threshold'])}; it catches "
        f"{percent(whole['recall'])} of all {words.events}."
    )
    if not worst:
        none = "is worse than the whole" if found["looked_at"] else "has enough records of both classes to be measured"
        return Section("segments", TITLE, [Paragraph(f"{measured} None {none}.")])
    beyond = sum(each["beyond_chance"] for each in worst)
    sure = (
        f" {count(beyond) if beyond else 'None'} of the {count(len(worst))} below {'is' if beyond == 1 else 'are'} worse "
        "than chance explains among so many (Bonferroni, 5 %), and marked “surely”; the others may be chance. Where the "
        f"columns say little, or {words.events} are common, even a perfect model catches less or flags more."
    )
    headings = [
        "segment",
        "records",
        words.events,
        "worse in",
        f"{words.events} caught",
        f"{words.others} flagged",
        f"mean probability less {words.rate}",
    ]
    table = Table("Worst segments, with 95 % intervals", headings, [_row(each, material) for each in worst], 4)
    return Section("segments", TITLE, [Paragraph(measured + sure), table])


def _row(each: Mapping[str, Any], material: Material) -> list[Cell]:
    worse = {"recall": "recall", "false_positive_rate": "false alerts", "calibration": "calibration"}[each["worse_in"]]
    return [
        segment_text(each, material.evidence),
        count(each["rows"]),
        count(each["frauds"]),
        f"{worse}, surely" if each["beyond_chance"] else worse,
        *(
            Measured(percent(each[name]), percent_range(each[f"{name}_low"], each[f"{name}_high"]))
            for name in ("recall", "false_positive_rate", "calibration_gap")
        ),
    ]


def segment_text(each: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """A segment in words.

    >>> segment_text({"column": "age", "band": {"above": 18.0, "up_to": 30.0}}, {})
    'age over 18, up to 30'
    """
    dtype = shown_dtype(each["column"], evidence.get("dtypes", {}))
    return f"{each['column']} {band_text(each['band'], dtype)}"
