"""What was answered, counted for the metrics."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from operator import attrgetter
from typing import NamedTuple, get_args

import numpy as np

from fraud_detection_api.decision.decision import Decision
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

_outcome: Callable[[Decision], Outcome] = attrgetter("outcome")


class AnswerSummary(NamedTuple):
    """Decisions of one answer, counted: records, outcomes of either source, probabilities by bucket, and their sum."""

    records: int
    by_model: Counter[Outcome]
    by_fallback: Counter[Outcome]
    probabilities: list[int]
    total: float


def summarised(decisions: Sequence[Decision]) -> AnswerSummary:
    """Decisions of a large answer, counted beside the event loop for `AnswerMetrics.add`."""
    probabilities = np.array([decision.fraud_probability for decision in decisions], dtype=np.float64)  # None is NaN
    scored = ~np.isnan(probabilities)
    probabilities = probabilities[scored]
    by_all = Counter(map(_outcome, decisions))
    by_model = Counter(map(_outcome, compress(decisions, scored))) if len(probabilities) < len(decisions) else by_all
    places = np.searchsorted(PROBABILITY_BUCKETS, probabilities)
    counts = np.bincount(places, minlength=len(PROBABILITY_BUCKETS) + 1)
    return AnswerSummary(len(decisions), by_model, by_all - by_model, counts.tolist(), float(probabilities.sum()))


class AnswerMetrics:
    """Counts what was answered on one route. For one thread only: the event loop's."""

    def __init__(self, tallies: Tallies, route: str) -> None:
        self._records = tallies.counter(RECORDS_SCORED, route)
        self._probabilities = tallies.histogram(PROBABILITY)
        self._by_model = {each: tallies.counter(DECISIONS, each, "model") for each in OUTCOMES}
        self._by_fallback = {each: tallies.counter(DECISIONS, each, "fallback") for each in OUTCOMES}
        self._explanations = {each: tallies.counter(EXPLANATIONS, each) for each in get_args(Explanations)}

    def count(self, decisions: Sequence[Decision]) -> None:
        """Count the few decisions of an answer. Every request pays for this, so nothing is called that need not be."""
        self._records.value += len(decisions)
        histogram, by_model = self._probabilities, self._by_model
        for decision in decisions:
            probability = decision.fraud_probability
            if probability is None:
                self._by_fallback[decision.outcome].value += 1
                continue
            by_model[decision.outcome].value += 1
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
