"""What a policy does to a population: who gets which outcome, and what that costs, as the records turned out."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.estimates import DIGITS, six_digits

MeasuredOn = Literal["records", "cells"]

PER = 1000
TYPICAL = (0.1, 0.5, 0.9)
"""Quantiles of the amounts whose thresholds are shown."""


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

    def shares_as_json(self) -> dict[str, dict[Outcome, float]]:
        """Shares by outcome: of all records, of the fraud, and of the legitimate records."""
        shares = {"shares": self.shares, "fraud": self.fraud_shares, "legitimate": self.legitimate_shares}
        return {name: {o: six_digits(share) for o, share in by.items()} for name, by in shares.items()}

    def as_json(self) -> dict[str, Any]:
        return {
            **self.shares_as_json(),
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
    """Mean cost of a record, float64 (k,), where all amounts share one of k thresholds and the other stays.

    None where the policy has no such threshold.
    """

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
    indexes = np.minimum(np.searchsorted(rising, np.array(TYPICAL) * rising[-1]), len(rising) - 1)
    return sorted({six_digits(amount) for amount in population.amounts[present][order][indexes].tolist()})


def _thresholds(policy: Policy, amount: float) -> dict[str, float | None]:
    found = policy.thresholds(amount)
    above = {"review_above": found.review_above, "decline_above": found.decline_above}
    return {"amount": amount, **{name: None if p is None else six_digits(p) for name, p in above.items()}}


def _by_outcome(numbers: NDArray[Any]) -> dict[Outcome, float]:
    return dict(zip(OUTCOMES, numbers.tolist(), strict=True))


def _shares(counts: dict[Outcome, float]) -> dict[Outcome, float]:
    total = sum(counts.values())
    return {outcome: number / total if total else 0.0 for outcome, number in counts.items()}


_REVIEW = OUTCOMES.index("review")


def price_reviews(policy: Policy, population: Population) -> Policy:
    """The policy with the lowest `review_price`, to six digits, at which reviews a day stay within the capacity.

    The share of the population that is reviewed never rises with the price, so the lowest price that keeps it within
    reviews_a_day / records_a_day is also the cheapest policy within the capacity: the Lagrangian's dual. Records that are
    exactly alike are reviewed all or none. 0 without a capacity. Raises InvalidPolicy where `records_a_day` is not known.
    """
    free = replace(policy, review_price=0.0)
    if policy.reviews_a_day is None:
        return free
    require_records_a_day(policy)
    allowed = policy.reviews_a_day / policy.records_a_day * float(population.counts.sum())  # type: ignore[operator]
    price = _lowest_price(free, population, allowed)
    while price and _reviewed(replace(free, review_price=price), population) > allowed:
        price = _up(price * (1 + 10.0**-DIGITS))  # the sums that decide are rounded
    return replace(free, review_price=price)


def require_records_a_day(policy: Policy, *, source: str = "of the model") -> None:
    """Raise InvalidPolicy where a capacity is stated and how many records it is for is not."""
    if policy.reviews_a_day is not None and policy.records_a_day is None:
        fix = "say how many records come in a day; it cannot be told from the data"
        raise InvalidPolicy(source, [f"records_a_day: {fix}, and reviews_a_day is a share of them"])


def _lowest_price(free: Policy, population: Population, allowed: float) -> float:
    if _reviewed(free, population) <= allowed:
        return 0.0
    worth = _worth(free, population)
    order = np.argsort(-worth, kind="stable")
    beyond = np.flatnonzero(np.cumsum(population.counts[order]) > allowed)
    return _up(float(worth[order[beyond[0]]]))


def _worth(free: Policy, population: Population) -> NDArray[np.float64]:
    """By how much a review is cheaper than the cheaper of approving and declining, float64 (n,)."""
    p = population.probabilities
    approve = p * free.loss_given_fraud * free.at_risk(p, population.amounts)
    return np.asarray(np.minimum(approve, (1 - p) * free.wrong_decline_cost) - free.review_cost, dtype=np.float64)


def _reviewed(policy: Policy, population: Population) -> float:
    codes = policy.outcomes(population.probabilities, population.amounts)
    return float(population.counts[codes == _REVIEW].sum())


def _up(price: float) -> float:
    """The next number of six digits that is above."""
    step = 10.0 ** (math.floor(math.log10(price)) + 1 - DIGITS) if price > 0 else 10.0**-DIGITS
    return six_digits((math.floor(price / step) + 1) * step)
