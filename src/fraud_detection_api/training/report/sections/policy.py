"""The policy: who is approved, reviewed and declined, and what that costs beside treating all alike."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from fraud_detection_api.policy.consequences import threshold_costs
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.report.document import Block, Facts, Gallery, Paragraph, Plot, Section, Table
from fraud_detection_api.report.numbers import count, number, percent
from fraud_detection_api.report.words import Words
from fraud_detection_api.training.report.material import Material
from fraud_detection_api.training.report.plots import policy as paint

PAST = {"approve": "approved", "review": "reviewed", "decline": "declined"}
_DOING = {"approve_all": "approving all", "review_all": "reviewing all", "decline_all": "declining all"}
GRID = 160
FURTHEST = 7.0
"""Log-odds beyond which nothing is drawn: below 0.1 % and above 99.9 %."""


def policy(material: Material) -> Section | None:
    """Costs, thresholds, shares of outcomes, and the cost of a thousand records; nothing for a card without a policy."""
    told, words = material.card.get("policy"), material.words
    if told is None:
        return None
    blocks: list[Block] = [
        Paragraph(f"{_rule(told, words)} {_saying(told)}"),
        Facts(_keys(told, words)),
        _thresholds(told),
        _outcomes(told, words),
        _costs(told),
    ]
    if "policy" in material.evidence:
        blocks.append(Gallery(_plots(told, Population.from_json(material.evidence["policy"]))))
    return Section("policy", "Policy", blocks)


def _rule(told: Mapping[str, Any], words: Words) -> str:
    dearer = (
        f" Reviewers are too few for all that this would send, so a review counts {number(told['review_price'])} more."
    )
    return (
        f"Version {told['version']} of the policy gives a record the outcome that is expected to cost least, and of equals "
        f"the milder. Approving costs the {words.event} probability times what a {words.event} takes; a review costs the "
        "same for all and finds out the truth; declining costs what a wrong decline does, times the probability that it is "
        f"wrong.{dearer if told['review_price'] else ''} Measured on {count(told['records'])} training records, each scored "
        "by boosters that had not learned from it."
    )


def _saying(told: Mapping[str, Any]) -> str:
    others = ", ".join(f"{_DOING[name]} {number(cost)}" for name, cost in told["otherwise"].items())
    return f"A thousand of them cost {number(told['cost_per_1000'])} by this policy, and {others}."


def _keys(told: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    known = told["amounts_known"]
    at_risk = "amount at risk, where a record has none" if known else "amount at risk"
    capacity = "no limit" if told["reviews_a_day"] is None else number(told["reviews_a_day"])
    a_day = "not known" if told["records_a_day"] is None else number(told["records_a_day"])
    return [
        (at_risk, number(told["amount_at_risk"])),
        (f"share of it that a {words.event} takes", percent(told["loss_given_fraud"])),
        ("a review", number(told["review_cost"])),
        ("a wrong decline", number(told["wrong_decline_cost"])),
        ("most reviews a day", capacity),
        ("records a day", a_day),
    ]


def _thresholds(told: Mapping[str, Any]) -> Table:
    rows = [
        [number(each["amount"]), _above(each["review_above"]), _above(each["decline_above"])]
        for each in told["thresholds"]
    ]
    which = "the policy's amount, then small, usual and large ones" if told["amounts_known"] else "the policy's amount"
    return Table(f"Thresholds: {which}", ["amount", "reviewed above", "declined above"], rows, 0)


def _above(probability: float | None) -> str:
    return "never" if probability is None else percent(probability)


def _outcomes(told: Mapping[str, Any], words: Words) -> Table:
    by_day = told["records_a_day"]
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
            *(percent(told[kind][outcome]) for kind in ("shares", "fraud", "legitimate")),
            *([] if by_day is None else [number(by_day * told["shares"][outcome])]),
        ]
        for outcome in OUTCOMES
    ]
    return Table("Outcomes", headings, rows)


def _costs(told: Mapping[str, Any]) -> Table:
    rows = [["this policy", number(told["cost_per_1000"]), ""]]
    for name, cost in told["otherwise"].items():
        more = cost / told["cost_per_1000"] if told["cost_per_1000"] else np.inf
        rows.append(
            [f"{name.removesuffix('_all')} all", number(cost), f"{number(more)} times" if np.isfinite(more) else ""]
        )
    return Table("Cost of 1,000 records, as they turned out", ["rule", "cost", "beside this policy"], rows, 0)


def _plots(told: Mapping[str, Any], population: Population) -> list[Plot]:
    policy = policy_of(told)
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
        "policy": told["cost_per_1000"] / 1000,
    }
    said = ", ".join(f"{PAST[name]} above {percent(p)}" for name, p in thresholds.items() if p is not None)
    own = ", with each record's own amount" if told["amounts_known"] else ""
    common = "; each record is judged by its own amount" if told["amounts_known"] else ""
    return [
        Plot(
            paint.outcome_costs,
            "What each outcome is expected to cost",
            each,
            "The lowest line is what the policy does; it changes at the thresholds.",
            f"With {number(policy.amount_at_risk)} at risk: {said or 'all approved'}{common}.",
        ),
        Plot(
            paint.threshold_costs,
            "Mean cost against the thresholds",
            mean,
            "What a record costs on average, as all turned out, were one threshold moved for all amounts and the other "
            f"left; the dots are the policy's, and the grey line is what it costs{own}.",
        ),
    ]


def policy_of(told: Mapping[str, Any]) -> Policy:
    """The policy that a card tells of."""
    return Policy(**{field.name: told[field.name] for field in fields(Policy)})
