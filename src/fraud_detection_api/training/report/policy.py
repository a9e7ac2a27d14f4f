"""The policy: who is approved, reviewed and declined, and what that costs compared with treating all records alike."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fraud_detection_api.policy.consequences import threshold_costs
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.report.canvas import BLUE, GREEN, GREY, ORANGE
from fraud_detection_api.report.document import Block, Facts, Gallery, Paragraph, Plot, Section, Table, Words
from fraud_detection_api.report.numbers import count, number, percent
from fraud_detection_api.report.scales import log_odds, show_log_odds
from fraud_detection_api.training.report.material import Material

PAST = {"approve": "approved", "review": "reviewed", "decline": "declined"}
_DOING = {"approve_all": "approving all", "review_all": "reviewing all", "decline_all": "declining all"}
GRID = 160
FURTHEST = 7.0
"""Log-odds beyond which nothing is drawn: below 0.1 % and above 99.9 %."""


def policy(material: Material) -> Section | None:
    """Costs, thresholds, shares of outcomes, and the cost of 1,000 records. None for a card without a policy."""
    stated, words = material.card.get("policy"), material.words
    if stated is None:
        return None
    others = ", ".join(f"{_DOING[name]} {number(cost)}" for name, cost in stated["otherwise"].items())
    cost = f"With this policy 1,000 records cost {number(stated['cost_per_1000'])}. The alternatives: {others}."
    blocks: list[Block] = [
        Paragraph(f"{_rule(stated, words)} {cost}"),
        Facts(_keys(stated, words)),
        _thresholds(stated),
        _outcomes(stated, words),
        _costs(stated),
        *_of_unseen_levels(material.card.get("unseen_levels")),
    ]
    if "policy" in material.evidence:
        blocks.append(Gallery(_plots(stated, Population.from_json(material.evidence["policy"]))))
    return Section("policy", "Costs and policy", blocks)


def _rule(stated: Mapping[str, Any], words: Words) -> str:
    dearer = (
        f" This would cause more reviews than can be done, so a review counts {number(stated['review_price'])} more."
    )
    return (
        f"Version {stated['version']} of the policy gives a record the outcome of lowest expected cost, of equals the "
        f"milder. Approving costs the {words.event} probability times the loss from a {words.event}. A review costs the "
        "same for every record and finds the truth. Declining costs the probability that this is wrong, times the cost of "
        f"a wrong decline.{dearer if stated['review_price'] else ''} The figures are measured on {count(stated['records'])} "
        "training records, each scored by boosters that were not trained on it. All costs are in the policy's own unit of "
        "money."
    )


def _keys(stated: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    known = stated["amounts_known"]
    at_risk = "amount at risk, where a record has none" if known else "amount at risk"
    capacity = "no limit" if stated["reviews_a_day"] is None else number(stated["reviews_a_day"])
    a_day = "not known" if stated["records_a_day"] is None else number(stated["records_a_day"])
    return [
        (at_risk, number(stated["amount_at_risk"])),
        (f"share of it that a {words.event} loses", percent(stated["loss_given_fraud"])),
        ("a review", number(stated["review_cost"])),
        ("a wrong decline", number(stated["wrong_decline_cost"])),
        ("most reviews a day", capacity),
        ("records a day", a_day),
    ]


def _thresholds(stated: Mapping[str, Any]) -> Table:
    rows = [
        [number(each["amount"]), _above(each["review_above"]), _above(each["decline_above"])]
        for each in stated["thresholds"]
    ]
    which = (
        "the policy's amount, then small, usual and large ones" if stated["amounts_known"] else "the policy's amount"
    )
    return Table(f"Thresholds: {which}", ["amount", "reviewed above", "declined above"], rows, 0)


def _above(probability: float | None) -> str:
    return "never" if probability is None else percent(probability)


def _outcomes(stated: Mapping[str, Any], words: Words) -> Table:
    by_day = stated["records_a_day"]
    headings = [
        "outcome",
        "of all records",
        f"of {words.events}",
        f"of {words.others}",
        *([] if by_day is None else ["a day"]),
    ]
    rows = [
        [
            PAST[outcome],
            *(percent(stated[kind][outcome]) for kind in ("shares", "fraud", "legitimate")),
            *([] if by_day is None else [number(by_day * stated["shares"][outcome])]),
        ]
        for outcome in OUTCOMES
    ]
    return Table("Outcomes", headings, rows)


def _costs(stated: Mapping[str, Any]) -> Table:
    rows = [["this policy", number(stated["cost_per_1000"]), ""]]
    for name, cost in stated["otherwise"].items():
        more = cost / stated["cost_per_1000"] if stated["cost_per_1000"] else np.inf
        rows.append(
            [f"{name.removesuffix('_all')} all", number(cost), f"{number(more)} times" if np.isfinite(more) else ""]
        )
    return Table("Cost of 1,000 records, as they turned out", ["rule", "cost", "compared with this policy"], rows, 0)


def _of_unseen_levels(found: Mapping[str, Any] | None) -> list[Block]:
    """How many reviews come on top; a card of an earlier release does not say."""
    if found is None or not found["unseen"]:
        return []
    said = (
        f"Reviews because of unseen levels come on top of these shares and costs: of {count(found['records'])} held-out "
        f"records, {percent(found['unseen'])} have a level that training did not see, and {percent(found['reviewed'])} "
        "would be reviewed for it and not approved."
    )
    return [Paragraph(said)]


def _plots(stated: Mapping[str, Any], population: Population) -> list[Plot]:
    policy = policy_of(stated)
    at = 1 / (1 + np.exp(-np.linspace(-FURTHEST, FURTHEST, GRID)))
    here = policy.thresholds()
    thresholds = {"review": here.review_above, "decline": here.decline_above}
    each = {
        "at": at.tolist(),
        "approve": (at * policy.loss_given_fraud * policy.amount_at_risk).tolist(),
        "review": policy.review_cost + policy.review_price,
        "decline": ((1 - at) * policy.wrong_decline_cost).tolist(),
        "thresholds": thresholds,
    }
    moved = threshold_costs(policy, population, at)
    lines = {"review": moved.review_above, "decline": moved.decline_above}
    mean = {
        "at": at.tolist(),
        **{name: None if line is None else line.tolist() for name, line in lines.items()},
        "thresholds": thresholds,
        "policy": stated["cost_per_1000"] / 1000,
    }
    said = ", ".join(f"{PAST[name]} above {percent(p)}" for name, p in thresholds.items() if p is not None)
    own = ", with each record's own amount" if stated["amounts_known"] else ""
    common = "; each record is judged by its own amount" if stated["amounts_known"] else ""
    return [
        Plot(
            paint_outcome_costs,
            "What each outcome is expected to cost",
            each,
            "The policy chooses the lowest line; it changes at the thresholds.",
            f"With {number(policy.amount_at_risk)} at risk: {said or 'all approved'}{common}.",
        ),
        Plot(
            paint_threshold_costs,
            "Mean cost by threshold",
            mean,
            "What a record would cost on average, as the records turned out, if one threshold moved for all amounts and the "
            f"other stayed. The dots are the policy's thresholds, and the grey line is what it costs{own}.",
        ),
    ]


def policy_of(stated: Mapping[str, Any]) -> Policy:
    """The policy in a card."""
    return Policy(**{field.name: stated[field.name] for field in fields(Policy)})


_STYLES = {"approve": (GREEN, "-."), "review": (BLUE, "-"), "decline": (ORANGE, "--")}
_HEADROOM = 1.25
_LOWEST, _HIGHEST = 0.6, 3.0  # ends of the axis of mean costs, in units of the policy's cost


def paint_outcome_costs(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Expected cost of each outcome against the probability, and lines at the thresholds."""
    at = log_odds(data["at"])
    review = np.full(len(at), data["review"])
    for outcome, costs in (("approve", data["approve"]), ("review", review), ("decline", data["decline"])):
        color, style = _STYLES[outcome]
        axes.plot(at, costs, style, color=color, label=outcome)
    for threshold in data["thresholds"].values():
        if threshold is not None:
            axes.axvline(float(log_odds(threshold)), color=GREY, linewidth=0.9, linestyle=":")
    # approving a certain fraud may cost a thousand times as much as anything else
    ends = [max(data["decline"]), min(data["review"], max(data["decline"] + data["approve"]))]
    axes.set_ylim(0, _HEADROOM * (max(ends) or 1.0))
    _show_probabilities(axes, at, "probability (log-odds scale)")
    axes.set_ylabel("expected cost of the record")
    figure.legend(loc="outside upper left", ncols=3)


def paint_threshold_costs(figure: Figure, axes: Axes, data: Mapping[str, Any], _words: Words) -> None:
    """Mean cost against each threshold, and dots at the policy's."""
    at = log_odds(data["at"])
    for outcome in ("review", "decline"):
        if data[outcome] is None:
            continue
        color, style = _STYLES[outcome]
        axes.plot(at, data[outcome], style, color=color, label=f"{outcome} above")
        threshold = float(log_odds(data["thresholds"][outcome]))
        axes.plot([threshold], [np.interp(threshold, at, data[outcome])], "o", color=color, markersize=5)
    axes.axhline(data["policy"], color=GREY, linewidth=0.9, label="the policy")
    lines = [line for line in (data["review"], data["decline"]) if line is not None]
    lowest = min([data["policy"], *(min(line) for line in lines)])
    highest = max([data["policy"], *(max(line) for line in lines)])
    axes.set_ylim(_LOWEST * lowest, min(1.05 * highest, _HIGHEST * data["policy"]) or 1.0)
    _show_probabilities(axes, at, "threshold (log-odds scale)")
    axes.set_ylabel("mean cost of a record")
    figure.legend(loc="outside upper left", ncols=3)


def _show_probabilities(axes: Axes, at: Any, label: str) -> None:
    low, high = float(at[0]), float(at[-1])
    axes.set_xlim(low, high)
    show_log_odds(axes.xaxis, low, high)
    axes.set_xlabel(label)
