"""The price of a review: what one more would be worth, where reviewers are too few for all that costs would send them."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.policy.outcomes import OUTCOMES, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.rounding import DIGITS, six_digits

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
        mend = "say how many records come in a day; it cannot be told from the data"
        raise InvalidPolicy(source, [f"records_a_day: {mend}, and reviews_a_day is a share of them"])


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
