"""What was answered, counted for the metrics."""

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple, get_args

import numpy as np

from fraud_detection_api.decision.decided import Decisions
from fraud_detection_api.metrics.catalogue import (
    DECISIONS,
    EXPLANATIONS,
    PROBABILITY,
    PROBABILITY_BUCKETS,
    RECORDS_SCORED,
)
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome
from fraud_detection_api.services.deciding.decisions import Explanations


class AnswerSummary(NamedTuple):
    """Decisions of one answer, counted: records, outcomes of either source, probabilities by bucket, and their sum."""

    records: int
    by_model: Counter[Outcome]
    by_fallback: Counter[Outcome]
    probabilities: list[int]
    total: float


def summarised(decisions: Decisions) -> AnswerSummary:
    """Count the decisions of a large answer beside the event loop, for `AnswerMetrics.add`."""
    by_model = decisions.by_model
    probabilities = np.array(decisions.probabilities[:by_model], dtype=np.float64)
    counts = np.bincount(
        np.searchsorted(PROBABILITY_BUCKETS, probabilities), minlength=len(PROBABILITY_BUCKETS) + 1
    ).tolist()
    outcomes = Counter(decisions.outcomes[:by_model]), Counter(decisions.outcomes[by_model:])
    return AnswerSummary(decisions.size, *outcomes, counts, float(probabilities.sum()))


class AnswerMetrics:
    """Counts what was answered on one route. For one thread only: the event loop's."""

    def __init__(self, tallies: Tallies, route: str) -> None:
        self._records = tallies.counter(RECORDS_SCORED, route)
        self._probabilities = tallies.histogram(PROBABILITY)
        self._by_model = {each: tallies.counter(DECISIONS, each, "model") for each in OUTCOMES}
        self._by_fallback = {each: tallies.counter(DECISIONS, each, "fallback") for each in OUTCOMES}
        self._explanations = {each: tallies.counter(EXPLANATIONS, each) for each in get_args(Explanations)}

    def count(self, decisions: Decisions) -> None:
        """Count the few decisions of an answer. Every request pays for this, so it calls as little as it can."""
        self._records.value += len(decisions.ids)
        histogram, by_model = self._probabilities, self._by_model
        for outcome, probability in zip(decisions.outcomes, decisions.probabilities, strict=True):
            if probability is None:
                self._by_fallback[outcome].value += 1
                continue
            by_model[outcome].value += 1
            histogram.counts[bisect_left(PROBABILITY_BUCKETS, probability)] += 1
            histogram.total += probability

    def add(self, summary: AnswerSummary) -> None:
        """Count the many decisions of an answer."""
        self._records.value += summary.records
        for cells, counts in ((self._by_model, summary.by_model), (self._by_fallback, summary.by_fallback)):
            for outcome, times in counts.items():
                cells[outcome].value += times
        self._probabilities.add_counts(summary.probabilities, summary.total)

    def explained(self, state: Explanations) -> None:
        """Count what became of an answer's reasons."""
        self._explanations[state].value += 1
