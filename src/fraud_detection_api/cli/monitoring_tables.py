"""What monitoring says, in tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fraud_detection_api.policy.outcomes import OUTCOMES

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]

MEASURES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "recall": "frauds that were reviewed or declined",
    "precision": "of those reviewed or declined, frauds",
    "decline_recall": "frauds that were declined",
    "decline_precision": "of those declined, frauds",
    "calibration_error": "calibration error",
    "calibration_slope": "calibration slope",
    "observed_to_expected": "frauds over those expected",
}
"""Measures in words."""


def monitoring_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """Title, headings and rows of each table of a report as JSON."""
    headings = ("feature", "PSI", "alarm above", "KS", "missing", "out of range", "unseen", "")
    for window in told["windows"]:
        rows = [_drift_row(feature) for feature in window["features"]]
        yield f"Last {window['window']}: {window['records']:,} decisions", headings, rows
    performance = told["performance"]
    if performance["measures"]:
        yield "Matured decisions", ("measure", "", "95 % interval"), _measure_rows(performance["measures"])


def monitoring_notes(told: Mapping[str, Any]) -> Iterator[str]:
    """What the tables do not say."""
    model, matured = told["model"], told["performance"]
    yield f"Version {model['version']} ({model['digest'].removeprefix('sha256:')[:12]}) at {told['at'][:16]}Z."
    if not any(window["records"] for window in told["windows"]):
        yield "Nothing was counted in the last week: is `fraud serve` running, and has this model decided anything?"
    yield (
        f"Matured: {matured['records']:,} decisions from {matured['since'][:10]} to {matured['until'][:10]}, "
        f"{matured['labelled']:,} with a label, the others taken for legitimate; {matured['frauds']:,} frauds."
    )
    if matured["records"] and "roc_auc" not in matured["measures"]:
        yield "A ranking is measured from 10 frauds and 10 legitimate decisions on."


def comparison_tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """Title, headings and rows of each table of a comparison as JSON."""
    swaps = [(f"from {was}", *(f"{told['swaps'][was][now]:,}" for now in OUTCOMES)) for was in OUTCOMES]
    yield "Decisions by the champion's outcome, and the challenger's", ("", *(f"to {now}" for now in OUTCOMES)), swaps
    sides = [told[side]["measures"] for side in ("champion", "challenger")]
    rows = [
        (words, *(_measured(side.get(name)) for side in sides), _measured(told["differences"].get(name), signed=True))
        for name, words in MEASURES.items()
        if any(name in side for side in sides)
    ]
    if rows:
        yield "Where the truth is known", ("measure", "champion", "challenger", "difference"), rows
    money = [
        (f"policy {each['policy_version']}, as it turned out", *(_money(each[side]) for side in SIDES), _saved(each))
        for each in told["cost_per_1000"]
    ]
    if claimed := told["expected_cost_per_1000"]:
        money = [("own policy and probabilities", *(_money(claimed[side]) for side in SIDES), ""), *money]
        yield "Cost of 1,000 decisions", ("costs of", *SIDES, "difference"), money


SIDES = ("champion", "challenger")


def comparison_notes(told: Mapping[str, Any]) -> Iterator[str]:
    """What the tables do not say; the gate's verdict last."""
    versions = [told["models"][side]["version"] for side in SIDES]
    yield (
        f"Champion {versions[0]} and challenger {versions[1]} on {told['decisions']:,} decisions from {told['since'][:10]} "
        f"on. Before {told['matured_until'][:10]} the truth is known: {told['frauds']:,} of {told['known']:,} are fraud."
    )
    if told["agreement"] is not None:
        agreed, psi = told["agreement"]["estimate"], told["score_psi"]
        yield f"The same outcome for {100 * agreed:.2f} %. PSI between their scores: {psi:.3f}."
    if (latency := told["latency"]) is not None:
        yield f"A record takes {latency['challenger_us']:,.0f} µs, the champion's {latency['champion_us']:,.0f} µs."
    yield "The gate is passed." if told["gate"]["passed"] else "The gate is not passed:"
    yield from (f"  - {reason}" for reason in told["gate"]["reasons"])


def _drift_row(feature: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (f"{100 * feature[name]:.2f} %" for name in ("missing", "out_of_range", "unseen"))
    numbers = ("" if feature[name] is None else f"{feature[name]:.4f}" for name in ("psi", "alarm_level", "ks"))
    return (feature["feature"], *numbers, *shares, "drifted" if feature["drifted"] else "")


def _measure_rows(measures: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    return [
        (words, f"{each['estimate']:.4f}", f"{each['lower']:.4f} to {each['upper']:.4f}")
        for name, words in MEASURES.items()
        if (each := measures.get(name)) is not None
    ]


def _measured(each: Mapping[str, float] | None, *, signed: bool = False) -> str:
    if each is None:
        return ""
    sign = "+" if signed else ""
    return f"{each['estimate']:{sign}.4f} ({each['lower']:{sign}.4f} to {each['upper']:{sign}.4f})"


def _money(cost: float) -> str:
    return f"{cost:,.0f}"


def _saved(money: Mapping[str, Any]) -> str:
    of = money["difference"]
    return f"{of['estimate']:+,.0f} ({of['lower']:+,.0f} to {of['upper']:+,.0f})"
