"""A policy beside what was decided, in tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from fraud_detection_api.cli.policy_tables import Table
from fraud_detection_api.policy.outcomes import OUTCOMES

_SIDES = ("kept", "new", "difference")
_LEFT_OUT = {
    "fallback": "that no model made",
    "another_contract": "on records of another contract",
    "erased": "that were erased",
    "tampered": "that were changed since, or sealed with another FRAUD_SEAL_KEY (`fraud store check` names them)",
}


def backtest_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of `Backtest.as_json`; none where no decision was counted."""
    if not told["decisions"]:
        return
    outcomes = told["outcomes"]
    rows = [
        (name, *(_count(outcomes[side][name], told["decisions"]) for side in ("kept", "new")), "") for name in OUTCOMES
    ]
    rows += [("reviews a day", *(_interval(told["reviews_a_day"][side], "reviews") for side in _SIDES))]
    rows += [("cost of 1,000, at the new costs", *(_interval(told["cost_per_1000"][side], "cost") for side in _SIDES))]
    title = f"{told['decisions']:,} kept decisions in {told['days']:,.3g} days, {told['labelled']:,} labelled"
    yield title, ("", "as decided", "new policy", "new less kept"), rows
    changes = [
        (f"from {was}", *(_interval(told["changes"][was][now], "decisions") for now in OUTCOMES)) for was in OUTCOMES
    ]
    changed = _interval(told["changed"], "decisions")
    yield f"Decisions that change: {changed}", ("", *(f"to {name}" for name in OUTCOMES)), changes
    money = [
        (source.replace("_", " "), f"{each['decisions']:,}", f"{each['kept']:,.0f}", f"{each['new']:,.0f}")
        for source, each in told["cost"].items()
    ]
    yield "What they cost, at the new costs", ("counted", "decisions", "as decided", "new policy"), money


def backtest_notes(told: Mapping[str, Any]) -> Iterator[str]:
    """What the tables do not say."""
    if not told["decisions"]:
        yield "No decision of that time can be looked at."
    else:
        yield (
            f"Of {told['labelled']:,} decisions the label counts, {told['labelled_frauds']:,} are fraud; of the others the "
            "probability that was answered. Intervals are 95 %, for decisions that do not depend on each other."
        )
    for reason, count in told["left_out"].items():
        yield f"Left out: {count:,} decisions {_LEFT_OUT[reason]}."


def _count(number: int, of: int) -> str:
    return f"{100 * number / of:.2f} %, {number:,}"


def _interval(each: Mapping[str, float], name: str) -> str:
    return f"{_short(each[name])} ({_short(each['low'])} to {_short(each['high'])})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:,.3g}"
