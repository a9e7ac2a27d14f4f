"""A policy beside what was decided."""

from collections.abc import Iterator, Mapping
from typing import Any

from fraud_detection_api.cli.terminal import Table

_SIDES = ("kept", "new", "difference")
_LEFT_OUT = {
    "fallback": "that no model made",
    "another_contract": "on records of another contract",
    "erased": "that were erased",
    "tampered": "that were changed since, or sealed with another FRAUD_SEAL_KEY (`fraud store check` names them)",
}


def backtest_tables(test: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of `Backtest.as_json`; none where no decision was counted."""
    if not test["decisions"]:
        return
    outcomes, changes = test["outcomes"], test["changes"]
    rows = [
        (name, *(_count(outcomes[side][name], test["decisions"]) for side in ("kept", "new")), "") for name in changes
    ]
    rows += [("reviews a day", *(_interval(test["reviews_a_day"][side], "reviews") for side in _SIDES))]
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
    if not test["decisions"]:
        yield "There is no decision of that time that can be used."
    else:
        yield (
            f"{test['labelled']:,} decisions are measured by their label; {test['labelled_frauds']:,} of those are fraud. "
            "The others are measured by the probability that was answered. The intervals assume that decisions do not "
            "depend on each other."
        )
    for reason, count in test["left_out"].items():
        yield f"Left out: {count:,} decisions {_LEFT_OUT[reason]}."


def _count(number: int, of: int) -> str:
    return f"{100 * number / of:.2f} %, {number:,}"


def _interval(each: Mapping[str, float], name: str) -> str:
    return f"{_short(each[name])} ({_short(each['low'])} to {_short(each['high'])})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:,.3g}"
