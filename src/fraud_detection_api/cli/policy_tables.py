"""Policies in tables: one by itself, or two side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import typer

from fraud_detection_api.cli.terminal import print_table, printable
from fraud_detection_api.policy.consequences import MeasuredOn
from fraud_detection_api.policy.outcomes import OUTCOMES

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, headings, rows."""

KEYS = (
    "amount_at_risk",
    "loss_given_fraud",
    "review_cost",
    "wrong_decline_cost",
    "reviews_a_day",
    "records_a_day",
    "review_price",
)


def print_tables(tables: Iterable[Table], notes: Iterable[str]) -> None:
    """One below the other, on stdout, and the notes below them."""
    for title, headings, rows in tables:
        print_table(headings, rows, title=title)
    for note in notes:
        typer.echo(printable(note))


def policy_tables(told: Mapping[str, Any], *, title: str) -> Iterator[Table]:
    """Tables of what a model card tells of its policy."""
    yield title, ("key", "value"), [(key, _amount(told[key])) for key in KEYS]
    thresholds = [
        (_amount(each["amount"]), _above(each["review_above"]), _above(each["decline_above"]))
        for each in told["thresholds"]
    ]
    yield "Thresholds", ("amount", "reviewed above", "declined above"), thresholds
    outcomes = [
        (name, *(_percent(told[kind][name]) for kind in ("shares", "fraud", "legitimate"))) for name in OUTCOMES
    ]
    yield "Outcomes", ("outcome", "of all", "of fraud", "of legitimate"), outcomes
    otherwise = [(name.replace("_", " "), _amount(cost)) for name, cost in told["otherwise"].items()]
    yield "Cost of 1,000 records", ("", "cost"), [("this policy", _amount(told["cost_per_1000"])), *otherwise]


def policy_notes(told: Mapping[str, Any]) -> Iterator[str]:
    """On which records a card's policy was measured; cards of former versions do not tell."""
    if "measured_on" in told:
        yield f"Shares and costs are of {_KEPT[told['measured_on']]}."


def comparison_notes(told: Mapping[str, Any]) -> Iterator[str]:
    """What the tables of a comparison do not say."""
    where = (
        _KEPT["cells"] if told["measured_on"] == "cells" else f"the records of {told['on']}, as the model scores them"
    )
    yield f"Shares and costs are of {where}."
    terms = told["new"]["policy"]
    if told["records_a_day_inherited"]:
        yield f"records_a_day is the current policy's, {_amount(terms['records_a_day'])}: the new one says none."
    for name in ("current", "new"):
        if told[name]["exceeds_capacity"]:
            reviews, capacity = (_amount(n) for n in (told[name]["expected_reviews_a_day"], terms["reviews_a_day"]))
            yield f"The {name} policy exceeds the new capacity: {reviews} reviews a day, where {capacity} can be done."


_KEPT: Mapping[MeasuredOn, str] = {
    "records": "the training records by their out-of-fold scores, one by one; `policy simulate` has these in cells",
    "cells": (
        "the training records by their out-of-fold scores, in the cells of ten or more that the model keeps; "
        "shares of the single records differ a little"
    ),
}


def comparison_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of `Comparison.as_json`, with the model's version and what it was compared on."""
    both = (told["current"], told["new"])
    versions = tuple(
        f"{name} ({each['policy']['version']})" for name, each in zip(("current", "new"), both, strict=True)
    )
    rows = [
        (f"{name}", *(f"{_percent(each['shares'][name])}, {each['counts'][name]:,.0f}" for each in both))
        for name in OUTCOMES
    ]
    rows += [("reviews a day", *(_amount(each["expected_reviews_a_day"]) for each in both))]
    rows += [(f"fraud {name}", *(_percent(each["fraud"][name]) for each in both)) for name in OUTCOMES]
    rows += [("cost of 1,000, at the new costs", *(_money(each) for each in both))]
    records = f"{told['records']:,.0f} records, {told['frauds']:,.0f} of them fraud"
    where = f"Model version {told['model_version']} on {told['on']}: {records}"
    yield where, ("", *versions), rows
    yield "Difference", ("", "new less current"), [("cost of 1,000", _money(told["difference"]))]
    moved = [(f"from {was}", *(f"{told['changes'][was][now]:,.0f}" for now in OUTCOMES)) for was in OUTCOMES]
    yield f"Records that change: {told['changed']:,.0f}", ("", *(f"to {name}" for name in OUTCOMES)), moved


def thresholds_text(told: Mapping[str, Any]) -> str:
    """Version, thresholds and shares of a policy in a line."""
    at, shares = told["thresholds"][0], told["shares"]
    said = ", ".join(f"{name} {_percent(shares[name])}" for name in OUTCOMES)
    limits = f"reviewed above {_above(at['review_above'])}, declined above {_above(at['decline_above'])}"
    return f"policy {told['version']}, with {_amount(at['amount'])} at risk {limits}; {said}"


def _money(each: Mapping[str, Any]) -> str:
    interval = f" ({each['low']:,.0f} to {each['high']:,.0f})" if "low" in each else ""
    return f"{each['cost_per_1000']:,.0f}{interval}"


def _amount(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= 10_000 else f"{number:,.6g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _above(probability: float | None) -> str:
    return "never" if probability is None else _percent(probability)
