"""Champion and challenger on the traffic that both scored, and whether the challenger may take the champion's place."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.errors import NoStore
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.monitoring.comparison import Latency, ModelComparison, Pairs, Side, compare
from fraud_detection_api.monitoring.gate import GateLimits, GateVerdict, Requirement, judge, requirements
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.report.document import words_for
from fraud_detection_api.services.history.replay import UNREADABLE_RECORD, stored_records
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.observing.observation_store import ObservationStore, ShadowDecision
from fraud_detection_api.services.reporting.monitoring import Maturity
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from fraud_detection_api.telemetry import utc_text

MOST_PAIRS = 100_000
"""Of the matured decisions, and of the newer ones, at most so many are compared, the most recent."""

PAIRS_A_PAGE = 2_000
SLICE_MS = 3_600_000
TIMED_RECORDS, TIMED_ROUNDS = 32, 3


class _Pair(NamedTuple):
    """What is held of a decision that both made; `amount` is NaN where missing, `is_fraud` where it is not known yet."""

    champion: float
    champion_outcome: int
    challenger: float
    challenger_outcome: int
    amount: float
    is_fraud: float


@dataclass(frozen=True)
class Compared:
    """A comparison of two versions, from `since` (milliseconds since 1970) to now, and what the gate says to it."""

    champion: ServedModel
    challenger: ServedModel
    since: int
    until: int
    comparison: ModelComparison
    verdict: GateVerdict
    requirements: tuple[Requirement, ...] = ()


class ComparisonService:
    """Compares models by what the observer kept beside each decision."""

    def __init__(
        self,
        labels: LabelStore | None,
        observations: ObservationStore | None,
        *,
        limits: GateLimits,
        maturity: Maturity,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._labels, self._observations = labels, observations
        self._limits, self._maturity, self._clock = limits, maturity, clock

    def verdict(self, champion: ServedModel, challenger: ServedModel) -> GateVerdict:
        """Whether the challenger passes the gate. Raises NoStore, StoreUnavailable."""
        return self.compare(champion, challenger).verdict

    def compare(self, champion: ServedModel, challenger: ServedModel) -> Compared:
        """Compare on matured decisions, whose truth is known, and on those since, whose truth is not yet.

        Raises NoStore, StoreUnavailable.
        """
        if self._labels is None or self._observations is None:
            raise NoStore
        now = int(self._clock() * 1000)
        since, until = self._maturity.since(now), self._maturity.until(now)
        reading = _Reading(self._observations, self._labels, champion.bundle, challenger.bundle)
        pairs = reading.pairs(since, until, matured=True) + reading.pairs(until, now + 1, matured=False)
        latency = measured_latency(champion.bundle, challenger.bundle, reading.samples)
        comparison = compare(_columns(pairs, champion.bundle, challenger.bundle), latency=latency)
        events = words_for(champion.bundle.contract.purpose).events
        verdict = judge(comparison, self._limits, events=events)
        period = f"decisions since {utc_text(since)} count; the truth is taken as known before {utc_text(until)}"
        verdict = replace(verdict, evidence=(*verdict.evidence, period))
        checked = requirements(comparison, self._limits, events=events)
        return Compared(champion, challenger, since, until, comparison, verdict, checked)


class _Reading:
    """Reads pairs, and remembers a few decisions to measure latency on."""

    def __init__(
        self, observations: ObservationStore, labels: LabelStore, champion: Bundle, challenger: Bundle
    ) -> None:
        self._observations, self._labels = observations, labels
        self._champion, self._challenger = champion, challenger
        self.samples: list[StoredDecision] = []

    def pairs(self, since: int, until: int, *, matured: bool) -> list[_Pair]:
        """The most recent of that time; of matured decisions those without a label are taken for legitimate."""
        found: list[_Pair] = []
        for page in self._pages(max(since, 0), max(until, 0)):
            decided = [row.decision_id for row, _shadow in page]
            fraud = {one: label.is_fraud for one, label in self._labels.in_force(decided).items()} if matured else {}
            unknown = 0.0 if matured else np.nan
            found += [self._pair(row, shadow, float(fraud.get(row.decision_id, unknown))) for row, shadow in page]
            if len(found) >= MOST_PAIRS:
                break
        return found[:MOST_PAIRS]

    def _pages(self, since: int, until: int) -> Iterator[list[tuple[StoredDecision, ShadowDecision]]]:
        """Slices of time from the newest to the oldest, in pages; longer ones where little is found."""
        length = SLICE_MS
        while until > since:
            begin, after, found = max(since, until - length), None, 0
            wanted = DecisionFilter(since=begin, until=until)
            while page := self._observations.compared(self._challenger.digest, wanted, limit=PAIRS_A_PAGE, after=after):
                after, found = page[-1][0].decision_id, found + len(page)
                if own := [pair for pair in page if self._counts(pair[0])]:
                    self.samples = self.samples or [row for row, _shadow in own if row.record][:TIMED_RECORDS]
                    yield own
            until = begin
            length = 2 * length if found < PAIRS_A_PAGE else max(SLICE_MS, length // 2)

    def _counts(self, row: StoredDecision) -> bool:
        """Whether the champion itself decided, and, where amounts decide, the amount is still there."""
        by_amount = self._champion.contract.amount_at_risk is not None
        own = row.model_digest == self._champion.digest and row.fraud_probability is not None
        return own and not (by_amount and row.record is None)

    def _pair(self, row: StoredDecision, shadow: ShadowDecision, is_fraud: float) -> _Pair:
        assert row.fraud_probability is not None
        column = self._champion.contract.amount_at_risk
        amount = None if column is None else json.loads(row.record or "{}").get(column)
        champion, challenger = OUTCOMES.index(row.outcome), OUTCOMES.index(shadow.outcome)
        return _Pair(
            row.fraud_probability,
            champion,
            shadow.fraud_probability,
            challenger,
            np.nan if amount is None else float(amount),
            is_fraud,
        )


def measured_latency(champion: Bundle, challenger: Bundle, rows: Sequence[StoredDecision]) -> Latency | None:
    """Median time to score and explain one of these records, both models in turns; None without a record for both.

    Measured here and now, so that both had the same machine; a request's latency holds what was in front of it too.
    """
    if not rows or champion.contract.record_fingerprint != challenger.contract.record_fingerprint:
        return None
    try:
        records = stored_records(champion.contract, rows)
    except UNREADABLE_RECORD:
        return None
    times: dict[str, list[float]] = {champion.digest: [], challenger.digest: []}
    for _round in range(TIMED_ROUNDS):
        for record in records:
            for bundle in (champion, challenger):
                began = time.perf_counter()
                bundle.engine.contributions(bundle.engine.assess_records([record]).matrix)
                times[bundle.digest].append((time.perf_counter() - began) * 1e6)
    return Latency(statistics.median(times[champion.digest]), statistics.median(times[challenger.digest]))


def _columns(pairs: Sequence[_Pair], champion: Bundle, challenger: Bundle) -> Pairs:
    columns = np.array(pairs, dtype=np.float64).reshape(-1, len(_Pair._fields)).T
    first, first_outcome, second, second_outcome, amounts, is_fraud = columns
    return Pairs(
        Side(first, first_outcome.astype(np.int8), champion.policy),
        Side(second, second_outcome.astype(np.int8), challenger.policy),
        is_fraud,
        None if champion.contract.amount_at_risk is None else amounts,
    )
