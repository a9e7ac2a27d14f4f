"""One policy, two side by side, or one beside what was decided."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fraud_detection_api.cli.terminal import Table
from fraud_detection_api.report.document import Words, words_for

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.policy.consequences import MeasuredOn

KEYS = (
    "amount_at_risk",
    "loss_given_fraud",
    "review_cost",
    "wrong_decline_cost",
    "reviews_a_day",
    "records_a_day",
    "review_price",
)


def policy_tables(policy: Mapping[str, Any], *, title: str, words: Words) -> Iterator[Table]:
    """Tables of a model card's policy."""
    yield title, ("key", "value"), [(key, _amount(policy[key])) for key in KEYS]
    thresholds = [
        (_amount(each["amount"]), _above(each["review_above"]), _above(each["decline_above"]))
        for each in policy["thresholds"]
    ]
    yield "Thresholds", ("amount", "reviewed above", "declined above"), thresholds
    yield outcomes_table(policy, words)
    otherwise = [(name.replace("_", " "), _amount(cost)) for name, cost in policy["otherwise"].items()]
    yield "Cost of 1,000 records", ("", "cost"), [("this policy", _amount(policy["cost_per_1000"])), *otherwise]


def outcomes_table(shares: Mapping[str, Any], words: Words) -> Table:
    """Shares of all records and of both kinds, by outcome; a kind without records is None, and its cells are empty."""
    kinds = [shares[kind] for kind in ("shares", "fraud", "legitimate")]
    rows = [(name, *("" if by is None else _percent(by[name]) for by in kinds)) for name in shares["shares"]]
    return "Outcomes", ("outcome", "of all", f"of {words.events}", f"of {words.others}"), rows


def policy_notes(policy: Mapping[str, Any]) -> Iterator[str]:
    """On which records a card's policy was measured; cards of earlier releases do not state it."""
    if "measured_on" in policy:
        yield f"Shares and costs are measured on {_MEASURED_ON[policy['measured_on']]}."


def comparison_tables(compared: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of `PolicyComparison.as_json`, with the model's version and what it was compared on."""
    both, changes = (compared["current"], compared["new"]), compared["changes"]
    versions = tuple(
        f"{name} ({each['policy']['version']})" for name, each in zip(("current", "new"), both, strict=True)
    )
    rows = [
        (name, *(f"{_percent(each['shares'][name])}, {each['counts'][name]:,.0f}" for each in both)) for name in changes
    ]
    rows += [("reviews a day", *(_amount(each["expected_reviews_a_day"]) for each in both))]
    words = words_for(compared["purpose"])
    for kind, name_of_kind in (("fraud", words.events), ("legitimate", words.others)):
        rows += [(f"{name_of_kind}: {name}", *(_percent(each[kind][name]) for each in both)) for name in changes]
    rows += [("cost of 1,000, at the new costs", *(_money(each) for each in both))]
    records = f"{compared['records']:,.0f} records, {compared['frauds']:,.0f} {words.events}"
    yield f"Model version {compared['model_version']} on {compared['on']}: {records}", ("", *versions), rows
    yield "Difference", ("", "new minus current"), [("cost of 1,000", _money(compared["difference"]))]
    moved = [(f"from {was}", *(f"{to[now]:,.0f}" for now in changes)) for was, to in changes.items()]
    yield f"Records that change: {compared['changed']:,.0f}", ("", *(f"to {name}" for name in changes)), moved


def comparison_notes(compared: Mapping[str, Any]) -> Iterator[str]:
    """What the tables of a comparison do not show."""
    on_cells = compared["measured_on"] == "cells"
    where = _MEASURED_ON["cells"] if on_cells else f"the records of {compared['on']}, as the model scores them"
    yield f"Shares and costs are measured on {where}."
    terms = compared["new"]["policy"]
    if compared["records_a_day_inherited"]:
        yield f"records_a_day is the current policy's, {_amount(terms['records_a_day'])}: the new policy states none."
    for name in ("current", "new"):
        if compared[name]["exceeds_capacity"]:
            reviews, capacity = (_amount(n) for n in (compared[name]["expected_reviews_a_day"], terms["reviews_a_day"]))
            yield f"The {name} policy exceeds the new capacity: {reviews} reviews a day, where {capacity} can be done."


def thresholds_text(policy: Mapping[str, Any]) -> str:
    """Version, thresholds and shares of a policy in a line."""
    at, shares = policy["thresholds"][0], policy["shares"]
    listed = ", ".join(f"{name} {_percent(share)}" for name, share in shares.items())
    limits = f"reviewed above {_above(at['review_above'])}, declined above {_above(at['decline_above'])}"
    return f"policy {policy['version']}, with {_amount(at['amount'])} at risk {limits}; {listed}"


MANY_REVIEWS = 0.1
"""Share of records in review above which a policy hardly decides; few have so many reviewers."""


def new_policy_text(policy: Mapping[str, Any]) -> str:
    """What a new model's policy would do, in a line."""
    shares, records_a_day = policy["shares"], policy["records_a_day"]
    told = [
        f"{verb} {_percent(shares[verb])}"
        + ("" if records_a_day is None else f" ({_short(shares[verb] * records_a_day)} a day)")
        for verb in ("review", "decline")
    ]
    return f"the policy would {' and '.join(told)} of the records: `fraud policy show` has its costs"


def policy_warnings(policy: Mapping[str, Any]) -> Iterator[str]:
    """A warning where a new model's policy leaves much to people."""
    if policy["shares"]["review"] > MANY_REVIEWS:
        yield (
            f"warning: more than {100 * MANY_REVIEWS:g} % of the records would be reviewed; state your costs, or limit "
            "reviews_a_day: `fraud policy simulate --policy costs.toml` shows what they would change"
        )


_MEASURED_ON: "Mapping[MeasuredOn, str]" = {
    "records": (
        "the out-of-fold score of each training record; `policy simulate` groups these scores into cells and can differ "
        "slightly"
    ),
    "cells": (
        "the out-of-fold scores of the training records, grouped into the bundle's cells of ten or more records; "
        "figures of the single records can differ slightly"
    ),
}


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


_SIDES = ("kept", "new", "difference")
_LEFT_OUT = {
    "fallback": "that no model made",
    "another_contract": "on records of another contract",
    "erased": "that were erased",
    "tampered": "that were changed since, or sealed with another FRAUD_SEAL_KEY (`fraud store check` names them)",
}


def backtest_tables(test: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of `Backtest.as_json`, with the purpose; none where no decision was counted."""
    if not test["decisions"]:
        return
    outcomes, changes = test["outcomes"], test["changes"]
    rows = [
        (name, *(_count(outcomes[side][name], test["decisions"]) for side in ("kept", "new")), "") for name in changes
    ]
    rows += [("reviews a day", *(_interval(test["reviews_a_day"][side], "reviews") for side in _SIDES))]
    words = words_for(test["purpose"])
    for kind, name_of_kind in (("fraud", words.events), ("legitimate", words.others)):
        rows += [
            (f"{name_of_kind}: {name}", *(_share_interval(test[kind][name][side]) for side in _SIDES))
            for name in changes
        ]
    rows += [("cost of 1,000, at the new costs", *(_interval(test["cost_per_1000"][side], "cost") for side in _SIDES))]
    title = f"{test['decisions']:,} stored decisions in {test['days']:,.3g} days, {test['labelled']:,} labelled"
    yield title, ("", "as decided", "new policy", "difference"), rows
    moved = [(f"from {was}", *(_interval(to[now], "decisions") for now in changes)) for was, to in changes.items()]
    changed = _interval(test["changed"], "decisions")
    yield f"Decisions that change: {changed}", ("", *(f"to {name}" for name in changes)), moved
    money = [
        (source.replace("_", " "), f"{each['decisions']:,}", f"{each['kept']:,.0f}", f"{each['new']:,.0f}")
        for source, each in test["cost"].items()
    ]
    yield "What they cost, at the new costs", ("measured", "decisions", "as decided", "new policy"), money


def backtest_notes(test: Mapping[str, Any]) -> Iterator[str]:
    """What the tables do not show."""
    words = words_for(test["purpose"])
    if not test["decisions"]:
        yield "There is no decision of that time that can be used."
    else:
        yield (
            f"{test['labelled']:,} decisions are measured by their label; {test['labelled_frauds']:,} of those are "
            f"{words.events}. The others are measured by the probability that was answered. The intervals assume that "
            "decisions do not depend on each other."
        )
    for reason, count in test["left_out"].items():
        yield f"Left out: {count:,} decisions {_LEFT_OUT[reason]}."


def _count(number: int, of: int) -> str:
    return f"{100 * number / of:.2f} %, {number:,}"


def _interval(each: Mapping[str, float], name: str) -> str:
    return f"{_short(each[name])} ({_short(each['low'])} to {_short(each['high'])})"


def _share_interval(each: Mapping[str, float]) -> str:
    return f"{_percent(each['share'])} ({100 * each['low']:.2f} to {100 * each['high']:.2f})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:,.3g}"
