"""A random sample of the stored decisions."""

from heapq import nsmallest

import numpy as np

from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore

IDS_A_PAGE = 100_000


def sampled(store: DecisionStore, where: DecisionFilter, size: int, *, seed: int) -> list[str]:
    """Ids of `size` decisions that match, each with the same probability, or of all if there are no more; in order.

    Draws a random number for each id and takes the lowest.
    """
    rng, highest = np.random.default_rng(seed), 1.0
    drawn: list[tuple[float, str]] = []
    for outcome in OUTCOMES:  # with an outcome, the store reads an index and no row
        of_outcome, after = where._replace(outcome=outcome), None
        while ids := store.ids(of_outcome, limit=IDS_A_PAGE, after=after):
            numbers, after = rng.random(len(ids)), ids[-1]
            drawn += [(float(numbers[index]), ids[index]) for index in np.flatnonzero(numbers <= highest)]
            if len(drawn) > 2 * size:
                drawn = nsmallest(size, drawn)
                highest = drawn[-1][0]
    return sorted(decision_id for _, decision_id in nsmallest(size, drawn))
