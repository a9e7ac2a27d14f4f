"""Requests that were answered: how many, how long each took, and what was decided in them."""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple, get_args

import numpy as np

from fraud_detection_api.decision.decided import UNSEEN_LEVEL, UNSEEN_MISSING, Decisions, Explanations, warnings_of
from fraud_detection_api.decision.timeliness import Untimely
from fraud_detection_api.metrics.catalogue import (
    DECISIONS,
    EXPLANATIONS,
    HISTORY_DURATION,
    HISTORY_UNAVAILABLE,
    HISTORY_UNTIMELY,
    HTTP_REQUEST_DURATION,
    HTTP_REQUESTS,
    PROBABILITY,
    PROBABILITY_BUCKETS,
    RECORDS_SCORED,
    UNSEEN_LEVELS,
    UNSEEN_MISSING_VALUES,
)
from fraud_detection_api.metrics.tallies import CounterCell, HistogramCell, Tallies
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "other"
"""Callers may send any word as a method, and no word of theirs makes a series."""


NOTED_AT_MOST = 1_000


class RequestMetrics:
    """Counts requests. They are noted one by one and counted together, when a snapshot is taken at the latest.

    An answer is sent just before, and after that system call counting would take several times as long as in a row.
    """

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._cells: dict[tuple[str, str, int], tuple[CounterCell, HistogramCell]] = {}
        self._noted: deque[tuple[str, str, int, float]] = deque()
        self._counting = Lock()
        tallies.read_with(self._count)

    def expect(self, route: str, method: str, statuses: Iterable[int]) -> None:
        """Show these with 0 until there are some: of a series that begins with 1, Prometheus does not see the first one."""
        for status in statuses:
            self._made(route, method, status)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request. `route` is a template, never a caller's path; the status is 0 where nothing was answered."""
        self._noted.append((route, method, status, seconds))
        if len(self._noted) >= NOTED_AT_MOST:
            self._count()

    def _count(self) -> None:
        with self._counting:  # a cell is for one thread at a time
            while self._noted:
                route, method, status, seconds = self._noted.popleft()
                cells = self._cells.get((route, method, status))
                requests, durations = cells or self._made(route, method, status)
                requests.add()
                durations.observe(seconds)

    def _made(self, route: str, method: str, status: int) -> tuple[CounterCell, HistogramCell]:
        known = method if method in METHODS else OTHER_METHOD
        cells = (
            self._tallies.counter(HTTP_REQUESTS, route, known, str(status)),
            self._tallies.histogram(HTTP_REQUEST_DURATION, route, known, str(status)),
        )
        if known == method:
            self._cells[route, method, status] = cells
        return cells


class AnswerSummary(NamedTuple):
    """Decisions of one answer, counted: records, outcomes of either source, probabilities by bucket, and their sum.

    `unseen` counts warnings by code and field, and `untimely` what arrived out of the order of its times.
    """

    records: int
    by_model: Counter[Outcome]
    by_fallback: Counter[Outcome]
    probabilities: list[int]
    total: float
    unseen: Counter[tuple[str, str]]
    untimely: Counter[Untimely]


def summarised(decisions: Decisions, untimely: Counter[Untimely]) -> AnswerSummary:
    """Count the decisions of a large answer beside the event loop, for `AnswerMetrics.add`."""
    by_model = decisions.by_model
    probabilities = np.array(decisions.probabilities[:by_model], dtype=np.float64)
    counts = np.bincount(
        np.searchsorted(PROBABILITY_BUCKETS, probabilities), minlength=len(PROBABILITY_BUCKETS) + 1
    ).tolist()
    outcomes = Counter(decisions.outcomes[:by_model]), Counter(decisions.outcomes[by_model:])
    unseen = _counted(text for text in decisions.warnings if text is not None)
    return AnswerSummary(decisions.size, *outcomes, counts, float(probabilities.sum()), unseen, untimely)


def _counted(warnings: Iterable[str]) -> Counter[tuple[str, str]]:
    return Counter((each.code, each.field) for text in warnings for each in warnings_of(text))


_UNSEEN = {UNSEEN_LEVEL: UNSEEN_LEVELS, UNSEEN_MISSING: UNSEEN_MISSING_VALUES}
"""The metric of each warning, by its code."""


class EventMetrics:
    """Counts events that were recorded. For one thread only: the event loop's."""

    def __init__(self, tallies: Tallies) -> None:
        self._cells = {each: tallies.counter(HISTORY_UNTIMELY, each) for each in get_args(Untimely)}

    def untimely(self, counts: Counter[Untimely]) -> None:
        """Count those of some events that were out of the order of their times."""
        for each, times in counts.items():
            self._cells[each].value += times


class AnswerMetrics(EventMetrics):
    """Counts what was answered on one route. For one thread only: the event loop's."""

    def __init__(self, tallies: Tallies, route: str) -> None:
        super().__init__(tallies)
        self._tallies = tallies
        self._records = tallies.counter(RECORDS_SCORED, route)
        self._probabilities = tallies.histogram(PROBABILITY)
        self._by_model = {each: tallies.counter(DECISIONS, each, "model") for each in OUTCOMES}
        self._by_fallback = {each: tallies.counter(DECISIONS, each, "fallback") for each in OUTCOMES}
        self._explanations = {each: tallies.counter(EXPLANATIONS, each) for each in get_args(Explanations)}
        self._without_history = tallies.counter(HISTORY_UNAVAILABLE)
        self._history_durations = tallies.histogram(HISTORY_DURATION)

    def count(self, decisions: Decisions, first: int, last: int) -> None:
        """Count the few decisions of an answer, from index `first` to before `last`.

        Every request pays for this, so it calls as little as it can.
        """
        self._records.value += last - first
        histogram, outcomes, probabilities = self._probabilities, decisions.outcomes, decisions.probabilities
        warnings = decisions.warnings
        for index in range(first, last):
            probability = probabilities[index]
            if probability is None:
                self._by_fallback[outcomes[index]].value += 1
                continue
            self._by_model[outcomes[index]].value += 1
            histogram.counts[bisect_left(PROBABILITY_BUCKETS, probability)] += 1
            histogram.total += probability
            if (warned := warnings[index]) is not None:
                self._count_unseen(_counted([warned]))

    def add(self, summary: AnswerSummary) -> None:
        """Count the many decisions of an answer."""
        self._records.value += summary.records
        for cells, counts in ((self._by_model, summary.by_model), (self._by_fallback, summary.by_fallback)):
            for outcome, times in counts.items():
                cells[outcome].value += times
        self._probabilities.add_counts(summary.probabilities, summary.total)
        self._count_unseen(summary.unseen)
        self.untimely(summary.untimely)

    def _count_unseen(self, unseen: Counter[tuple[str, str]]) -> None:
        for (code, field), times in unseen.items():
            self._tallies.counter(_UNSEEN[code], field).value += times

    def waited_for_history(self, seconds: float, *, without: int) -> None:
        """Count what became of a turn's question: how long it took, and how many records are without an answer."""
        self._history_durations.observe(seconds)
        self._without_history.value += without

    def explained(self, state: Explanations) -> None:
        """Count what became of an answer's reasons."""
        self._explanations[state].value += 1
