"""Another policy on kept decisions: what it would have decided, and what that would have cost."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.decision.decided import requires_review
from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.policy.consequences import PER, chosen_costs
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.services.history.pages import over_pages
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.contracts import RecordContracts
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.statistics.estimates import Estimate, percentile_estimate, six_digits
from fraud_detection_api.statistics.scored import REPLICATES

ROWS_AT_A_TIME = 2_000
"""Each has 400 numbers of the bootstrap samples."""

_PAIRS = len(OUTCOMES) ** 2
_REVIEW = OUTCOMES.index("review")
_FRAUD = slice(_PAIRS, 2 * _PAIRS)
_KEPT_COST, _NEW_COST, _COLUMNS = 2 * _PAIRS, 2 * _PAIRS + 1, 2 * _PAIRS + 2


Measure: TypeAlias = Callable[[NDArray[np.float64]], Any]
"""A number from sums, float64 (20,), or one for each row of those of samples, float64 (400, 20)."""


@dataclass
class Backtest:
    """Sums over decisions; its memory does not grow with their number.

    `sums` float64 (20,) are decisions by kept and new outcome (nine pairs, in order), frauds by the same pairs (decisions
    without a label count by their probability), and what both cost; `drawn` float64 (400, 20) are the same of bootstrap
    samples, in which each decision counts a Poisson number of times, as if decisions did not depend on each other. The
    numbers follow from the decision's id and the seed, so it does not matter in which order decisions are counted, or where.
    Source: Hanley and MacGibbon, "Creating non-parametric bootstrap samples using Poisson frequencies", Computer Methods
    and Programs in Biomedicine 83, 2006.
    """

    policy: Policy
    amount_column: str | None
    seed: int = 0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_COLUMNS))
    drawn: NDArray[np.float64] = field(default_factory=lambda: np.zeros((REPLICATES, _COLUMNS)))
    by_label: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_COLUMNS))
    frauds: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None

    def add(self, rows: Sequence[StoredDecision], fraud: Mapping[str, bool]) -> None:
        """Count these decisions of a model; `fraud` says of each labelled one whether it was."""
        if not rows:
            return
        labels = [fraud.get(row.decision_id) for row in rows]
        labelled = np.array([label is not None for label in labels])
        probabilities = np.array([row.fraud_probability for row in rows], dtype=np.float64)
        chance = np.array(
            [p if y is None else y for p, y in zip(probabilities.tolist(), labels, strict=True)], np.float64
        )
        population = Population(probabilities, self._amounts(rows), chance, 1 - chance)
        kept = np.array([OUTCOMES.index(row.outcome) for row in rows], dtype=np.int8)
        new = self.policy.outcomes(probabilities, population.amounts)
        must_be_reviewed = [row.warnings is not None and requires_review(row.warnings) for row in rows]
        new = np.where(must_be_reviewed, np.maximum(new, np.int8(_REVIEW)), new)
        columns = np.zeros((len(rows), _COLUMNS))
        pair = kept.astype(np.int64) * len(OUTCOMES) + new
        columns[np.arange(len(rows)), pair] = 1
        columns[np.arange(len(rows)), _FRAUD.start + pair] = chance
        columns[:, _KEPT_COST] = chosen_costs(self.policy, population, kept)
        columns[:, _NEW_COST] = chosen_costs(self.policy, population, new)
        self.sums += columns.sum(axis=0)
        self.by_label += columns[labelled].sum(axis=0)
        self.drawn += _draws([row.decision_id for row in rows], self.seed) @ columns
        self.frauds += sum(label is True for label in labels)
        self._cover(rows[0].decided_at, rows[-1].decided_at)

    def merge(self, other: "Backtest") -> None:
        """Count the decisions of another backtest of the same policy, too."""
        self.sums += other.sums
        self.by_label += other.by_label
        self.drawn += other.drawn
        self.frauds += other.frauds
        self.left_out.update(other.left_out)
        if other.first is not None and other.last is not None:
            self._cover(other.first, other.last)

    def _cover(self, first: int, last: int) -> None:
        self.first = first if self.first is None else min(first, self.first)
        self.last = last if self.last is None else max(last, self.last)

    @property
    def decisions(self) -> int:
        """How many were counted."""
        return int(self.sums[:_PAIRS].sum())

    @property
    def days(self) -> float:
        """From the first decision to the last, at least an hour."""
        return max(((self.last or 0) - (self.first or 0)) / DAY_MS, 1 / 24)

    def as_json(self) -> dict[str, Any]:
        """All of it; with no decision there are no shares, and no intervals."""
        labelled = int(self.by_label[:_PAIRS].sum())
        document: dict[str, Any] = {
            "decisions": self.decisions,
            "labelled": labelled,
            "labelled_frauds": self.frauds,
            "left_out": dict(sorted(self.left_out.items())),
            "policy": self.policy.as_json(),
        }
        if not self.decisions:
            return document
        return {
            **document,
            "days": six_digits(self.days),
            "changes": {
                was: {now: self._estimate(_pair(was, now)).named("decisions") for now in OUTCOMES} for was in OUTCOMES
            },
            "changed": self._estimate(_changed).named("decisions"),
            "outcomes": {
                side: dict(zip(OUTCOMES, map(int, _table(self.sums).sum(axis=axis)), strict=True))
                for side, axis in _SIDES.items()
            },
            **{
                kind: {outcome: self._sides(partial(_share_of, kind, outcome), "share") for outcome in OUTCOMES}
                for kind in _KINDS
            },
            "reviews_a_day": self._sides(self._reviews_a_day, "reviews"),
            f"cost_per_{PER}": self._sides(_cost_per, "cost"),
            "cost": {
                "by_labels": {"decisions": labelled, **_costs(self.by_label)},
                "by_probabilities": {"decisions": self.decisions - labelled, **_costs(self.sums - self.by_label)},
            },
        }

    def _sides(self, measure_of: Callable[[str], Measure], name: str) -> dict[str, dict[str, float]]:
        kept, new = measure_of("kept"), measure_of("new")
        measures: dict[str, Measure] = {"kept": kept, "new": new, "difference": lambda sums: new(sums) - kept(sums)}
        return {side: self._estimate(measure).named(name) for side, measure in measures.items()}

    def _reviews_a_day(self, side: str) -> Measure:
        return lambda sums: _table(sums).sum(axis=_SIDES[side])[..., _REVIEW] / self.days

    def _estimate(self, measure: Measure) -> Estimate:
        return percentile_estimate(float(measure(self.sums)), measure(self.drawn))

    def _amounts(self, rows: Sequence[StoredDecision]) -> NDArray[np.float64] | None:
        if self.amount_column is None:
            return None
        amounts = [json.loads(row.record or "{}").get(self.amount_column) for row in rows]
        return np.array([np.nan if amount is None else amount for amount in amounts], dtype=np.float64)


_POISSON = np.cumsum([math.exp(-1) / math.factorial(count) for count in range(12)])
"""How often a Poisson variable of mean 1 is at most 0, 1, …"""


def _draws(decision_ids: Sequence[str], seed: int) -> NDArray[np.float64]:
    """How often each decision counts in each bootstrap sample, float64 (400, n): Poisson numbers of mean 1.

    Uniform numbers are hashes of the id, the sample and the seed. Source of the hash: Steele, Lea and Flood, "Fast
    splittable pseudorandom number generators", OOPSLA 2014 (the finalizer of SplitMix64).
    """
    ids: NDArray[np.uint64] = np.array([UUID(each).int & _LOW for each in decision_ids], dtype=np.uint64)
    samples = np.arange(1, REPLICATES + 1, dtype=np.uint64) * _GOLDEN + np.uint64(seed)
    mixed = _mixed(ids[np.newaxis, :] ^ _mixed(samples)[:, np.newaxis])
    return np.searchsorted(_POISSON, (mixed >> np.uint64(11)) * 2.0**-53, side="right").astype(np.float64)


_LOW = 2**64 - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


class Period(NamedTuple):
    """Decisions from `since` on and before `until`, in milliseconds since 1970."""

    since: int
    until: int | None = None


class Sources(NamedTuple):
    """Where decisions and their labels are, and whether a decision is as it was kept (`Recorder.is_intact`).

    The models of `registry` say which records of earlier releases follow a contract.
    """

    store: DecisionStore
    labels: LabelStore
    is_intact: Callable[[StoredDecision], bool]
    registry: ModelRegistry | None = None


def backtest(
    opening: Callable[[], Sources],
    policy: Policy,
    *,
    contract: Contract,
    period: Period,
    workers: Workers,
    report: Callable[[float, int], None],
) -> Backtest:
    """The policy on the period's decisions by a model on the contract's records, counted by `workers`.

    `opening` gives the sources in each process. `report` is called with the share of the period that is done, and with the
    number of decisions. Left out are decisions that were changed since they were kept, fallbacks, records of other
    contracts, and, where amounts decide, erased ones. Raises StoreUnavailable, RegistryUnavailable, WorkerLost.
    """
    test = Backtest(policy, contract.amount_at_risk)
    over_pages(
        _Testing(opening, policy, contract),
        DecisionFilter(since=period.since, until=period.until),
        workers=workers,
        add=test.merge,
        report=lambda share: report(share, test.decisions + test.left_out.total()),
    )
    return test


@dataclass(frozen=True, slots=True)
class _Testing:
    """Opens the sources for a backtest."""

    opening: Callable[[], Sources]
    policy: Policy
    contract: Contract

    def __call__(self) -> "tuple[DecisionStore, Callable[[Sequence[StoredDecision]], Backtest]]":
        sources = self.opening()
        contracts = RecordContracts(self.contract, sources.registry)
        return sources.store, partial(tested, sources, self.policy, self.contract, contracts)


def tested(
    sources: Sources, policy: Policy, contract: Contract, contracts: RecordContracts, rows: Sequence[StoredDecision]
) -> Backtest:
    """A backtest of these decisions alone, oldest first. Raises StoreUnavailable, RegistryUnavailable."""
    test = Backtest(policy, contract.amount_at_risk)
    reasons = [
        _why_not(row, contracts, amounts_decide=contract.amount_at_risk is not None)
        if sources.is_intact(row)  # before anything is concluded from what it says
        else "tampered"
        for row in rows
    ]
    test.left_out.update(reason for reason in reasons if reason is not None)
    counted = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    known = sources.labels.in_force([row.decision_id for row in counted]) if counted else {}
    fraud = {decision_id: label.is_fraud for decision_id, label in known.items()}
    for first in range(0, len(counted), ROWS_AT_A_TIME):
        test.add(counted[first : first + ROWS_AT_A_TIME], fraud)
    return test


def _why_not(row: StoredDecision, contracts: RecordContracts, *, amounts_decide: bool) -> str | None:
    if row.fraud_probability is None:
        return "fallback"
    if not contracts.follows(row.contract):
        return "another_contract"
    return "erased" if amounts_decide and row.record is None else None


_SIDES = {"kept": -1, "new": -2}
"""The axis of the table of pairs to sum over, so that the outcomes of that side are left."""

_COST = {"kept": _KEPT_COST, "new": _NEW_COST}


def _table(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[..., :_PAIRS].reshape(*sums.shape[:-1], len(OUTCOMES), len(OUTCOMES))


def _frauds(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[..., _FRAUD].reshape(*sums.shape[:-1], len(OUTCOMES), len(OUTCOMES))


_KINDS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "fraud": _frauds,
    "legitimate": lambda sums: _table(sums) - _frauds(sums),
}


def _share_of(kind: str, outcome: Outcome, side: str) -> Measure:
    """Of the records of that kind, the share with that outcome; 0 where there are none of them."""

    def share(sums: NDArray[np.float64]) -> Any:
        by_outcome = _KINDS[kind](sums).sum(axis=_SIDES[side])
        total = by_outcome.sum(axis=-1)
        part = by_outcome[..., OUTCOMES.index(outcome)]
        return np.divide(part, total, out=np.zeros_like(total), where=total > 0)

    return share


def _count(sums: NDArray[np.float64]) -> Any:
    return sums[..., :_PAIRS].sum(axis=-1)


def _cost_per(side: str) -> Measure:
    # a sample of next to nothing may be empty
    return lambda sums: PER * sums[..., _COST[side]] / np.maximum(_count(sums), 1.0)


def _changed(sums: NDArray[np.float64]) -> Any:
    return _count(sums) - np.trace(_table(sums), axis1=-2, axis2=-1)


def _pair(was: Outcome, now: Outcome) -> Measure:
    return lambda sums: _table(sums)[..., OUTCOMES.index(was), OUTCOMES.index(now)]


def _costs(sums: NDArray[np.float64]) -> dict[str, float]:
    return {side: six_digits(float(sums[column])) for side, column in _COST.items()}
