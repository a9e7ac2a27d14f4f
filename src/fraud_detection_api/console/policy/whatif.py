"""What policies do to the records that the model's own was weighed on, and the curves of their costs."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.console.figures.plots import LinePlot, line_plot, round_steps
from fraud_detection_api.console.words import say
from fraud_detection_api.policy.consequences import (
    PER,
    Consequences,
    consequences,
    policy_card,
    price_reviews,
    threshold_costs,
)
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.report.numbers import number, percent

GRID = 81
FURTHEST = 7.0
"""Log-odds beyond which nothing is drawn: below 0.1 % and above 99.9 %."""

TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
HIGHEST = 3.0
"""The top of the axis of mean costs, in units of the policy's cost."""

CAPACITIES = 25


class Side(NamedTuple):
    """What one policy does. Shares are texts by outcome: of all records, of the frauds and of the others."""

    cost: str
    review_price: str
    reviews_a_day: str
    shares: tuple[str, ...]
    fraud: tuple[str, ...]
    legitimate: tuple[str, ...]
    exceeds: bool = False


class ThresholdRow(NamedTuple):
    """The probabilities above which a record of an amount is reviewed and declined, in force and otherwise."""

    amount: str
    review: str
    decline: str
    new_review: str
    new_decline: str


def side(policy: Policy, population: Population, *, at_costs_of: Policy) -> Side:
    """What a policy's outcomes come to, at the costs of the same policy or of another one."""
    codes = policy.outcomes(population.probabilities, population.amounts)
    found = consequences(at_costs_of, population, codes)
    capacity, a_day = at_costs_of.reviews_a_day, found.reviews_a_day
    shares, fraud, legitimate = (tuple(percent(by[each]) for each in OUTCOMES) for by in _shares(found))
    return Side(
        number(found.cost),
        number(policy.review_price),
        "" if a_day is None else number(a_day),
        shares,
        fraud,
        legitimate,
        exceeds=capacity is not None and a_day is not None and a_day > capacity * (1 + 1e-6),
    )


def _shares(found: Consequences) -> tuple[dict[Outcome, float], ...]:
    return found.shares, found.fraud_shares, found.legitimate_shares


def threshold_rows(policy: Policy, new: Policy | None, population: Population) -> tuple[ThresholdRow, ...]:
    """For the policy's own amount, and for small, usual and large ones."""
    amounts = [each["amount"] for each in policy_card(policy, population)["thresholds"]]
    if new is not None and new.amount_at_risk not in amounts:
        amounts.append(new.amount_at_risk)
    return tuple(_threshold_row(amount, policy, new) for amount in amounts)


def _threshold_row(amount: float, policy: Policy, new: Policy | None) -> ThresholdRow:
    here = policy.thresholds(amount)
    there = None if new is None else new.thresholds(amount)
    return ThresholdRow(
        number(amount),
        _above(here.review_above),
        _above(here.decline_above),
        "" if there is None else _above(there.review_above),
        "" if there is None else _above(there.decline_above),
    )


def _above(probability: float | None) -> str:
    return say("policy.never") if probability is None else percent(probability)


def outcome_costs(policy: Policy) -> LinePlot:
    """Expected cost of each outcome by the probability, for the policy's own amount."""
    at = _probabilities()
    review = policy.review_cost + policy.review_price
    approve, decline = at * policy.loss_given_fraud * policy.amount_at_risk, (1 - at) * policy.wrong_decline_cost
    # approving a certain fraud may cost a thousand times as much as anything else
    top = 1.25 * (max(float(decline.max()), min(review, float(approve.max()))) or 1.0)
    lines = {"approve": approve, "review": np.full(len(at), review), "decline": decline}
    return line_plot(
        say("policy.plot_outcomes"),
        [(each, say(f"outcome.{each}"), _axis(at), lines[each].tolist()) for each in OUTCOMES],
        reading=say("policy.plot_outcomes_reading", amount=number(policy.amount_at_risk)),
        x_label=say("policy.probability"),
        x_ticks=_ticks(),
        top=top,
        y_text=number,
        marks=_marks(policy),
    )


def mean_costs(policy: Policy, population: Population) -> LinePlot:
    """Mean cost of a record if one threshold moved and the other stayed."""
    at = _probabilities()
    moved, own = threshold_costs(policy, population, at), consequences(policy, population).cost / PER
    lines = {"review": moved.review_above, "decline": moved.decline_above}
    drawn = {name: costs for name, costs in lines.items() if costs is not None}
    highest = max([own, *(float(costs.max()) for costs in drawn.values())])
    return line_plot(
        say("policy.plot_thresholds"),
        [
            ("limit", say("policy.own_cost"), [_log_odds(float(at[0])), _log_odds(float(at[-1]))], [own, own]),
            *((name, say(f"policy.moved_{name}"), _axis(at), costs.tolist()) for name, costs in drawn.items()),  # type: ignore[list-item]
        ],
        reading=say("policy.plot_thresholds_reading", cost=number(own)),
        x_label=say("policy.threshold"),
        x_ticks=_ticks(),
        top=min(1.05 * highest, HIGHEST * own) or 1.0,
        y_text=number,
        marks=_marks(policy),
    )


def capacity_costs(policy: Policy, population: Population) -> LinePlot | None:
    """Cost of 1,000 records by how many reviews a day can be done; None where records a day are not known."""
    if policy.records_a_day is None:
        return None
    free = replace(policy, reviews_a_day=None, review_price=0.0)
    wanted = consequences(free, population).reviews_a_day or 0.0
    most = 1.25 * max(wanted, policy.reviews_a_day or 0.0) or 1.0
    capacities = np.linspace(0, most, CAPACITIES).tolist()
    costs = [_cost_within(free, population, capacity) for capacity in capacities]
    marks = {} if policy.reviews_a_day is None else {say("policy.capacity"): policy.reviews_a_day}
    ticks = [(each, number(each)) for each in round_steps(most)]
    return line_plot(
        say("policy.plot_capacity"),
        [("review", say("policy.cost_within"), capacities, costs)],
        reading=say("policy.plot_capacity_reading", wanted=number(wanted)),
        x_label=say("policy.reviews_a_day"),
        x_ticks=ticks,
        top=1.1 * max(costs) or 1.0,
        y_text=number,
        marks=marks,
    )


def _cost_within(free: Policy, population: Population, capacity: float) -> float:
    priced = price_reviews(replace(free, reviews_a_day=capacity), population)
    return consequences(priced, population).cost


def _probabilities() -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.linspace(-FURTHEST, FURTHEST, GRID))), dtype=np.float64)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _axis(at: NDArray[np.float64]) -> list[float]:
    return [_log_odds(each) for each in at.tolist()]


def _ticks() -> list[tuple[float, str]]:
    return [(_log_odds(each), f"{100 * each:g} %") for each in TICKS]


def _marks(policy: Policy) -> dict[str, float]:
    here = policy.thresholds()
    above = {"review": here.review_above, "decline": here.decline_above}
    return {say(f"policy.{name}_above"): _log_odds(p) for name, p in above.items() if p is not None and 0 < p < 1}
