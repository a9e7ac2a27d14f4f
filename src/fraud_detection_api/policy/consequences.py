"""What a policy does to a population: who gets which outcome, and what that costs, as the records turned out."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.rounding import six_digits

MeasuredOn = Literal["records", "cells"]

PER = 1000
TYPICAL = (0.1, 0.5, 0.9)
"""Quantiles of the amounts whose thresholds are told."""


@dataclass(frozen=True, slots=True)
class Consequences:
    """Of one policy, or of the same outcome for all.

    `counts` are records by outcome, `fraud_counts` those of them that are fraud (sums of weights); `cost` is the mean of
    PER records, without the price of reviews, which nobody pays. `reviews_a_day` is None where records a day are not known.
    """

    counts: dict[Outcome, float]
    fraud_counts: dict[Outcome, float]
    cost: float
    reviews_a_day: float | None

    @property
    def shares(self) -> dict[Outcome, float]:
        """Share of all records by outcome."""
        return _shares(self.counts)

    @property
    def fraud_shares(self) -> dict[Outcome, float]:
        """Share of the fraud by outcome; 0 where there is none."""
        return _shares(self.fraud_counts)

    @property
    def legitimate_shares(self) -> dict[Outcome, float]:
        """Share of the legitimate records by outcome; 0 where there is none."""
        return _shares({outcome: self.counts[outcome] - self.fraud_counts[outcome] for outcome in OUTCOMES})

    def as_json(self) -> dict[str, Any]:
        shares = {"shares": self.shares, "fraud": self.fraud_shares, "legitimate": self.legitimate_shares}
        return {
            **{name: {o: six_digits(share) for o, share in by.items()} for name, by in shares.items()},
            "expected_reviews_a_day": None if self.reviews_a_day is None else six_digits(self.reviews_a_day),
            f"cost_per_{PER}": six_digits(self.cost),
        }


def consequences(policy: Policy, population: Population, codes: NDArray[np.int8] | None = None) -> Consequences:
    """Of the policy's outcomes, or of the `codes` int8 (n,), at the policy's costs."""
    codes = policy.outcomes(population.probabilities, population.amounts) if codes is None else codes
    counts = np.bincount(codes, weights=population.counts, minlength=len(OUTCOMES))
    frauds = np.bincount(codes, weights=population.fraud, minlength=len(OUTCOMES))
    a_day = policy.records_a_day
    total = float(population.counts.sum())
    return Consequences(
        counts=_by_outcome(counts),
        fraud_counts=_by_outcome(frauds),
        cost=PER * float(chosen_costs(policy, population, codes).sum()) / total,
        reviews_a_day=None if a_day is None else a_day * float(counts[OUTCOMES.index("review")]) / total,
    )


def chosen_costs(policy: Policy, population: Population, codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """What each row costs with that outcome, float64 (n,), as its records turned out; sums over the records in it."""
    approve = population.fraud * policy.loss_given_fraud * policy.at_risk(population.probabilities, population.amounts)
    review = population.counts * policy.review_cost
    decline = population.legitimate * policy.wrong_decline_cost
    return np.asarray(np.choose(codes, [approve, review, decline]), dtype=np.float64)


def policy_card(policy: Policy, population: Population, *, measured_on: MeasuredOn = "records") -> dict[str, Any]:
    """The policy for a model card, a JSON value: keys, thresholds by amount, consequences, and those of one outcome for all.

    `measured_on` says what the population's rows are: cells stand on one side of a threshold with all of their records, so
    their shares differ a little from those of the records.

    The first of `thresholds` is for the policy's own amount, the others are for TYPICAL ones of the population.
    """
    everybody = {
        f"{outcome}_all": np.full(len(population.probabilities), code, np.int8) for code, outcome in enumerate(OUTCOMES)
    }
    return {
        **policy.as_json(),
        "thresholds": [
            _thresholds(policy, amount) for amount in [policy.amount_at_risk, *_typical_amounts(population)]
        ],
        "records": six_digits(float(population.counts.sum())),
        "measured_on": measured_on,
        "amounts_known": population.amounts is not None,
        **consequences(policy, population).as_json(),
        "otherwise": {
            name: six_digits(consequences(policy, population, codes).cost) for name, codes in everybody.items()
        },
    }


def changes(
    before: NDArray[np.int8], after: NDArray[np.int8], population: Population
) -> dict[Outcome, dict[Outcome, float]]:
    """How many records go from which outcome to which, by weight; those that keep theirs included."""
    pairs = np.bincount(before * len(OUTCOMES) + after, weights=population.counts, minlength=len(OUTCOMES) ** 2)
    return {was: _by_outcome(row) for was, row in zip(OUTCOMES, pairs.reshape(len(OUTCOMES), -1), strict=True)}


@dataclass(frozen=True, slots=True)
class ThresholdCosts:
    """Mean cost of a record, float64 (k,), where all amounts share one threshold `at`, float64 (k,), and the other stays.

    None where the policy has no such threshold.
    """

    at: NDArray[np.float64]
    review_above: NDArray[np.float64] | None
    decline_above: NDArray[np.float64] | None


def threshold_costs(policy: Policy, population: Population, at: NDArray[np.float64]) -> ThresholdCosts:
    """What moving each of the policy's thresholds, those of its own amount, would cost."""
    here = policy.thresholds()
    review, decline = here.review_above, here.decline_above

    def costs(moved: list[tuple[float | None, float | None]]) -> NDArray[np.float64]:
        total = population.counts.sum()
        return np.array([chosen_costs(policy, population, _above(population, *pair)).sum() / total for pair in moved])

    points = at.tolist()
    return ThresholdCosts(
        at,
        None if review is None else costs([(point, decline) for point in points]),
        None if decline is None else costs([(review, point) for point in points]),
    )


def _above(population: Population, review_above: float | None, decline_above: float | None) -> NDArray[np.int8]:
    p = population.probabilities
    declined = np.zeros(len(p), np.bool_) if decline_above is None else p > decline_above
    reviewed = np.zeros(len(p), np.bool_) if review_above is None else p > review_above
    return np.where(declined, 2, np.where(reviewed, 1, 0)).astype(np.int8)


def _typical_amounts(population: Population) -> list[float]:
    if population.amounts is None:
        return []
    present = ~np.isnan(population.amounts)
    order = np.argsort(population.amounts[present], kind="stable")
    rising = np.cumsum(population.counts[present][order])
    if not rising.size:
        return []
    places = np.minimum(np.searchsorted(rising, np.array(TYPICAL) * rising[-1]), len(rising) - 1)
    return sorted({six_digits(amount) for amount in population.amounts[present][order][places].tolist()})


def _thresholds(policy: Policy, amount: float) -> dict[str, float | None]:
    found = policy.thresholds(amount)
    above = {"review_above": found.review_above, "decline_above": found.decline_above}
    return {"amount": amount, **{name: None if p is None else six_digits(p) for name, p in above.items()}}


def _by_outcome(numbers: NDArray[Any]) -> dict[Outcome, float]:
    return dict(zip(OUTCOMES, numbers.tolist(), strict=True))


def _shares(counts: dict[Outcome, float]) -> dict[Outcome, float]:
    total = sum(counts.values())
    return {outcome: number / total if total else 0.0 for outcome, number in counts.items()}
