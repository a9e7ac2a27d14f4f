"""The segments for which the model is worst."""

from collections.abc import Mapping
from typing import Any

from fraud_detection_api.report.document import Cell, Measured, Paragraph, Section, Table
from fraud_detection_api.report.numbers import count, date, number, percent, percent_range
from fraud_detection_api.training.report.material import Material

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
        return Section("segments", TITLE, [Paragraph(f"{measured} {_none(found['looked_at'])}")])
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


def _none(looked_at: int) -> str:
    return "None is worse than the whole." if looked_at else "None has enough records of both classes to be measured."


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
    dtype = evidence.get("dtypes", {}).get(each["column"], "")
    return f"{each['column']} {_band(each['band'], dtype)}"


def _band(band: Mapping[str, Any], dtype: str) -> str:
    if "missing" in band:
        return "missing"
    if "level" in band:
        return f"“{band['level']}”"
    if "equals" in band:
        return ("true" if band["equals"] else "false") if dtype == "bool" else _value(band["equals"], dtype)
    ends = [("over", band["above"]), ("up to", band["up_to"])]
    return ", ".join(f"{word} {_value(end, dtype)}" for word, end in ends if end is not None)


def _value(value: float, dtype: str) -> str:
    return date(value) if dtype == "datetime" else number(value)
