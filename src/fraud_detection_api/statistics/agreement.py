"""How far two raters agree beyond chance."""

from collections.abc import Sequence

from fraud_detection_api.statistics.estimates import Estimate, wilson


def cohen_kappa(pairs: Sequence[tuple[bool, bool]]) -> Estimate | None:
    """Cohen's kappa of pairs of verdicts, the first rater's first; None where chance alone would agree on all of them.

    Source: Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960.
    As his standard error does, the interval takes what chance gives as known; its ends are those of Wilson's interval of
    the agreement, so that it has a width where all pairs agree. 1 is agreement, 0 is what chance gives.

    >>> kappa = cohen_kappa([(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15)
    >>> [round(number, 3) for number in kappa]
    [0.4, 0.125, 0.618]
    """
    if not pairs:
        return None
    alike = sum(first == second for first, second in pairs)
    first_yes, second_yes = (sum(pair[k] for pair in pairs) / len(pairs) for k in (0, 1))
    by_chance = first_yes * second_yes + (1 - first_yes) * (1 - second_yes)
    if by_chance == 1.0:
        return None
    agreements = (alike / len(pairs), *wilson(alike, len(pairs)))
    return Estimate(*((agreement - by_chance) / (1 - by_chance) for agreement in agreements))
