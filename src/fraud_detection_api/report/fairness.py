"""Fairness by group as tables and sentences, from what `monitoring.fairness` measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fraud_detection_api.report.bands import band_text
from fraud_detection_api.report.document import Block, Bullets, Cell, Measured, Paragraph, Table, Words
from fraud_detection_api.report.numbers import count, number, percent, percent_range, shown_dtype

FOUR_FIFTHS = 0.8
"""A selection rate below four fifths of the highest group's is evidence of adverse impact: 29 CFR 1607.4(D)."""
_RATIOS = {
    "impact_ratio": ("reference", "approved without a review"),
    "kept_ratio": ("kept_reference", "not declined"),
}


def explained(words: Words) -> list[str]:
    """What the figures mean, and what they do not."""
    return [
        (
            "Selection rates, false positive rates and false negative rates are defined as in fairlearn's user guide. An "
            "adverse impact ratio is the share of a group with the favourable outcome over that of the group with the "
            "highest share. Below 0.8 it is generally regarded as evidence of adverse impact by the four-fifths rule "
            "(29 CFR 1607.4(D), of US employment guidelines). In lending the rule is a rule of thumb, and no legal test."
        ),
        (
            f"Observed over expected is the number of {words.events} over the sum of the probabilities: above 1, the model "
            "states too low a risk for the group. Groups with fewer than 30 records, or fewer than 5 of either class, are "
            "shown and not judged."
        ),
    ]


COLUMNS_IN_CARD, ROWS_IN_CARD = 3, 6
"""The Markdown card has the tables of so many columns, with so many groups each."""


def column_blocks(
    found: Mapping[str, Any], words: Words, dtype: str, *, rows_in_card: int = ROWS_IN_CARD
) -> list[Block]:
    """Verdicts and tables of one column of groups."""
    names = group_names(found, dtype)
    return [
        Bullets(list(verdicts(found, names)), items_in_card=max(rows_in_card, 1)),
        _outcomes(found, names, words, rows_in_card),
        _errors(found, names, words, rows_in_card),
        _thresholds(found, names),
    ]


def group_names(found: Mapping[str, Any], dtype: str) -> list[str]:
    """The groups of a column in words."""
    return [band_text(each["band"], dtype) for each in found["groups"]]


def verdicts(found: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """A sentence for each group below four fifths, or one that says that there is none; and one on groups too small."""
    column, groups = found["column"], found["groups"]
    for key, (reference, favour) in _RATIOS.items():
        if found[reference] is None:
            continue
        low = [k for k, each in enumerate(groups) if not each["few"] and is_low(each[key])]
        for k in low:
            each = groups[k]
            sure = "beyond chance" if each[f"{key}_high"] < FOUR_FIFTHS else "which may be chance"
            interval = f"{_ratio_text(each[f'{key}_low'])} to {_ratio_text(each[f'{key}_high'])}"
            yield (
                f"{column} {names[k]}: {favour} {_ratio_text(each[key])} times as often as {names[found[reference]]} "
                f"({interval}). This is below four fifths, {sure}."
            )
        if not low:
            best = names[found[reference]]
            yield f"{column}, {favour}: every judged group reaches four fifths of the highest, which is {best}."
    if few := [name for name, each in zip(names, groups, strict=True) if each["few"]]:
        yield f"{column}: too few records to judge {', '.join(few)}."


def is_low(ratio: float | None) -> bool:
    """Whether an impact ratio is below four fifths."""
    return ratio is not None and ratio < FOUR_FIFTHS


def low_lines(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each column with judged groups whose impact ratio of approval is below four fifths."""
    for each in found:
        low = sum(not group["few"] and is_low(group["impact_ratio"]) for group in each["groups"])
        if low:
            yield (
                f"By {each['column']}, {count(low)} group{'s are' if low > 1 else ' is'} approved less than four fifths as "
                "often as the group that is approved most; see “Fairness”."
            )


def _ratio_text(ratio: float) -> str:
    return f"{ratio:.2f}"


def _outcomes(found: Mapping[str, Any], names: Sequence[str], words: Words, rows_in_card: int) -> Table:
    headings = [found["column"], "records", words.events, "declined", "reviewed or declined"]
    headings += ["impact ratio: approved", "impact ratio: not declined"]
    rows: list[list[Cell]] = [
        [
            _name(each, name),
            count(each["rows"]),
            count(each["frauds"]),
            _share(each, "declined"),
            _share(each, "flagged"),
            *(_ratio(each, key, is_reference=found[_RATIOS[key][0]] == k) for key in _RATIOS),
        ]
        for k, (each, name) in enumerate(zip(found["groups"], names, strict=True))
    ]
    return Table(f"Outcomes by {found['column']}, with 95 % intervals", headings, rows, rows_in_card)


def _errors(found: Mapping[str, Any], names: Sequence[str], words: Words, rows_in_card: int) -> Table:
    headings = [found["column"], f"{words.others} reviewed or declined (false positives)"]
    headings += [f"{words.events} approved (false negatives)", "observed over expected"]
    rows: list[list[Cell]] = [
        [
            _name(each, name),
            _share(each, "false_positive_rate"),
            _share(each, "false_negative_rate"),
            _number(each, "observed_to_expected"),
        ]
        for each, name in zip(found["groups"], names, strict=True)
    ]
    return Table(f"Errors and calibration by {found['column']}, with 95 % intervals", headings, rows, rows_in_card)


def _thresholds(found: Mapping[str, Any], names: Sequence[str]) -> Table:
    headings = ["declined, of all", "threshold", *(f"of {name}" for name in names), "lowest impact ratio: not declined"]
    rows: list[list[Cell]] = [
        [
            percent(each["share"]),
            percent(each["threshold"]),
            *("" if declined is None else percent(declined) for declined in each["declined"]),
            "" if each["lowest_kept_ratio"] is None else _ratio_text(each["lowest_kept_ratio"]),
        ]
        for each in found["thresholds"]
    ]
    return Table(f"What another decline threshold would do, by {found['column']}", headings, rows, 0)


def _name(each: Mapping[str, Any], name: str) -> str:
    return f"{name} (few)" if each["few"] else name


def _share(each: Mapping[str, Any], key: str) -> Cell:
    if each[key] is None:
        return ""
    return Measured(percent(each[key]), percent_range(each[f"{key}_low"], each[f"{key}_high"]))


def _number(each: Mapping[str, Any], key: str) -> Cell:
    if each[key] is None:
        return ""
    return Measured(number(each[key]), f"{number(each[f'{key}_low'])} to {number(each[f'{key}_high'])}")


def _ratio(each: Mapping[str, Any], key: str, *, is_reference: bool) -> Cell:
    if each[key] is None:
        return "highest" if is_reference else ""
    text = _ratio_text(each[key])
    flag = " (below 0.8)" if not each["few"] and each[key] < FOUR_FIFTHS else ""
    return Measured(f"{text}{flag}", f"{_ratio_text(each[f'{key}_low'])} to {_ratio_text(each[f'{key}_high'])}")


def fairness_blocks(found: Sequence[Mapping[str, Any]], words: Words, dtypes: Mapping[str, str]) -> list[Block]:
    """All of it."""
    blocks: list[Block] = [Paragraph(said) for said in explained(words)]
    return blocks + [
        block
        for k, each in enumerate(found)
        for block in column_blocks(
            each,
            words,
            shown_dtype(each["column"], dtypes),
            rows_in_card=ROWS_IN_CARD if k < COLUMNS_IN_CARD else 0,
        )
    ]
