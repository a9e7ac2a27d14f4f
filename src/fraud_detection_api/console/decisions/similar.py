"""Similar decisions, and what became of them."""

from collections.abc import Sequence
from typing import NamedTuple

from fraud_detection_api.console.decisions.life import Truth
from fraud_detection_api.console.decisions.links import entity_text
from fraud_detection_api.console.decisions.values import clock
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.history.surroundings import MOST_ALIKE, SCORES_AROUND, Labelled


class SimilarRow(NamedTuple):
    """A similar decision."""

    decision_id: str
    time: str
    entity: str
    outcome: Outcome
    risk_score: int
    truth: Truth


class Similar(NamedTuple):
    """Similar decisions, the nearest risk score first, and how many of those with a label were fraud.

    `code` is the reason's code that they share; empty where the decision has none. `unlabelled`
    counts those without a label.
    """

    code: str
    rows: list[SimilarRow]
    frauds: int
    labelled: int
    unlabelled: int
    score: int = SCORES_AROUND
    most_looked_at: str = f"{MOST_ALIKE:,}"


def similar_of(found: Sequence[Labelled], code: str | None, most: int) -> Similar:
    """At most so many rows, those with a label first among equals; the counts are of all that were found."""
    frauds = sum(each.label is not None and each.label.is_fraud for each in found)
    labelled = [each for each in found if each.label is not None]
    # what became of them is the question, so half of the places are for those without an answer at most
    others = [each for each in found if each.label is None][: most - min(len(labelled), most // 2)]
    chosen = [*labelled[: most - len(others)], *others]
    rows = [
        SimilarRow(
            each.row.decision_id,
            clock(each.row.decided_at),
            entity_text(each.row.entity),
            each.row.outcome,
            each.row.risk_score or 0,
            truth_of(each),
        )
        for each in chosen
    ]
    return Similar(code or "", rows, frauds, len(labelled), len(found) - len(labelled))


def truth_of(labelled: Labelled) -> Truth:
    """What the label in force says."""
    return "unknown" if labelled.label is None else "fraud" if labelled.label.is_fraud else "legitimate"
