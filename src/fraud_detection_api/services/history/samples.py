"""A sample of the decisions that are kept."""

from heapq import nsmallest

import numpy as np

from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

IDS_A_PAGE = 100_000


def sampled(store: DecisionStore, wanted: DecisionFilter, size: int, *, seed: int) -> list[str]:
    """Ids of `size` decisions of a range, each as likely as any other; of all, where there are no more. In the ids' order.

    Every id is given a random number, and the lowest are taken.
    """
    rng, highest = np.random.default_rng(seed), 1.0
    drawn: list[tuple[float, str]] = []
    for outcome in OUTCOMES:  # by outcome an index alone is read, and no row
        of_outcome, after = wanted._replace(outcome=outcome), None
        while ids := store.ids(of_outcome, limit=IDS_A_PAGE, after=after):
            numbers, after = rng.random(len(ids)), ids[-1]
            drawn += [(float(numbers[place]), ids[place]) for place in np.flatnonzero(numbers <= highest)]
            if len(drawn) > 2 * size:
                drawn = nsmallest(size, drawn)
                highest = drawn[-1][0]
    return sorted(decision_id for _, decision_id in nsmallest(size, drawn))
