"""How far two raters agree beyond chance."""

import math
from collections.abc import Sequence

from fraud_detection_api.statistics.estimates import Estimate, Z


def cohen_kappa(pairs: Sequence[tuple[bool, bool]]) -> Estimate | None:
    """Cohen's kappa of pairs of verdicts, the first rater's first; None where chance alone would agree on all of them.

    Source: Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960,
    with the standard error of its equation 7, which takes what chance gives as known. With few pairs, or few that differ,
    the interval is too narrow. 1 is agreement, 0 is what chance gives.

    >>> kappa = cohen_kappa([(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15)
    >>> [round(number, 3) for number in kappa]
    [0.4, 0.146, 0.654]
    """
    if not pairs:
        return None
    both = sum(first == second for first, second in pairs) / len(pairs)
    first_yes, second_yes = (sum(pair[k] for pair in pairs) / len(pairs) for k in (0, 1))
    by_chance = first_yes * second_yes + (1 - first_yes) * (1 - second_yes)
    if by_chance == 1.0:
        return None
    kappa = (both - by_chance) / (1 - by_chance)
    half = Z * math.sqrt(both * (1 - both) / len(pairs)) / (1 - by_chance)
    return Estimate(kappa, kappa - half, kappa + half).within(-1.0, 1.0)
