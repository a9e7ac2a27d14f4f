"""Champion and challenger on the same decisions: where they differ, what that costs, and which one ranks better."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.monitoring.drift import psi
from fraud_detection_api.monitoring.performance import Performance, measure, ranking_differences
from fraud_detection_api.policy.consequences import PER, chosen_costs
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.estimates import Estimate, mean_estimate, share_estimate

SCORE_EDGES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Side:
    """What one model made of n decisions: `probability` float64 (n,), `outcomes` int8 (n,) codes, by its own `policy`."""

    probability: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    policy: Policy

    def of(self, which: NDArray[np.bool_]) -> "Side":
        """Of some of the decisions, bool (n,)."""
        return Side(self.probability[which], self.outcomes[which], self.policy)


@dataclass(frozen=True)
class Pairs:
    """Decisions that both models made. `is_fraud` float64 (n,) is 1, 0, or NaN where it is not known yet.

    `amounts` float64 (n,) are NaN where missing, None where the contract names no amount.
    """

    champion: Side
    challenger: Side
    is_fraud: NDArray[np.float64]
    amounts: NDArray[np.float64] | None


class Money(NamedTuple):
    """Mean cost of PER decisions at one policy's costs, of what each model decided.

    `difference` is the challenger's less the champion's: below 0 the challenger saves.
    """

    policy_version: str
    champion: float
    challenger: float
    difference: Estimate


class Latency(NamedTuple):
    """Microseconds to score and explain one record by itself, both models measured in turns on the same records."""

    champion_us: float
    challenger_us: float


@dataclass(frozen=True)
class ModelComparison:
    """Champion against challenger on `decisions`. Of `known` of them the truth is known, and `frauds` were fraud.

    `swaps` counts decisions by the champion's outcome and the challenger's. `score_psi` is how far the challenger's
    probabilities are from the champion's. `expected_cost` is the mean cost of PER decisions by each model's own
    probabilities and policy: what they claim. `money`, `differences` and the performances are measured where the truth
    is known: money at the champion's costs, then at the challenger's where they are others.
    """

    decisions: int
    known: int
    frauds: int
    agreement: Estimate | None
    swaps: dict[Outcome, dict[Outcome, int]]
    score_psi: float | None
    expected_cost: dict[str, float]
    money: tuple[Money, ...]
    differences: dict[str, Estimate]
    champion: Performance
    challenger: Performance
    latency: Latency | None

    @property
    def observed_to_expected(self) -> Estimate | None:
        """Frauds over those that the challenger's probabilities expect; None where too little is known."""
        return self.challenger.measures.get("observed_to_expected")


def compare(pairs: Pairs, *, latency: Latency | None = None, seed: int = 0) -> ModelComparison:
    """Every measure of decisions that both made; fewer with no decisions, or with no known truth."""
    champion, challenger, n = pairs.champion, pairs.challenger, len(pairs.is_fraud)
    known = ~np.isnan(pairs.is_fraud)
    is_fraud = pairs.is_fraud[known] == 1
    before, after = champion.of(known), challenger.of(known)
    amounts = None if pairs.amounts is None else pairs.amounts[known]
    claims = {"champion": champion, "challenger": challenger} if n else {}
    return ModelComparison(
        decisions=n,
        known=int(known.sum()),
        frauds=int(is_fraud.sum()),
        agreement=share_estimate(int((champion.outcomes == challenger.outcomes).sum()), n),
        swaps=_swaps(pairs),
        score_psi=_score_psi(champion.probability, challenger.probability),
        expected_cost={name: _claimed(side, pairs.amounts) for name, side in claims.items()},
        money=_money(before, after, is_fraud, amounts),
        differences=ranking_differences(is_fraud, before.probability, after.probability, seed=seed),
        champion=measure(is_fraud, before.probability, before.outcomes, seed=seed),
        challenger=measure(is_fraud, after.probability, after.outcomes, seed=seed),
        latency=latency,
    )


def _swaps(pairs: Pairs) -> dict[Outcome, dict[Outcome, int]]:
    counts = np.zeros((len(OUTCOMES), len(OUTCOMES)), dtype=np.int64)
    np.add.at(counts, (pairs.champion.outcomes, pairs.challenger.outcomes), 1)
    return {was: dict(zip(OUTCOMES, row, strict=True)) for was, row in zip(OUTCOMES, counts.tolist(), strict=True)}


def _claimed(side: Side, amounts: NDArray[np.float64] | None) -> float:
    """The mean cost of PER decisions if the model's probabilities are right."""
    claims = Population(side.probability, amounts, side.probability, 1 - side.probability)
    return PER * float(chosen_costs(side.policy, claims, side.outcomes).mean())


def _money(
    champion: Side, challenger: Side, is_fraud: NDArray[np.bool_], amounts: NDArray[np.float64] | None
) -> tuple[Money, ...]:
    if not len(is_fraud):
        return ()
    population = Population.of_records(is_fraud, champion.probability, amounts, None)
    policies = [champion.policy]
    if replace(challenger.policy, version=champion.policy.version) != champion.policy:
        policies.append(challenger.policy)
    costs = [
        [PER * chosen_costs(policy, population, side.outcomes) for side in (champion, challenger)]
        for policy in policies
    ]
    return tuple(
        Money(policy.version, float(was.mean()), float(now.mean()), mean_estimate(now - was))
        for policy, (was, now) in zip(policies, costs, strict=True)
    )


def _score_psi(champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> float | None:
    """PSI over bins of fixed edges: those between a model's own ties would split the other's scores at random."""
    edges = np.array(SCORE_EDGES)
    then, now = (
        np.bincount(np.searchsorted(edges, side, side="right"), minlength=len(edges) + 1)
        for side in (champion, challenger)
    )
    return psi(then, now)
