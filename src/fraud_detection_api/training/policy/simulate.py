"""Two policies side by side on the same records: outcomes, costs, and which outcomes change."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.consequences import PER, MeasuredOn, changes, chosen_costs, consequences
from fraud_detection_api.policy.outcomes import Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.rounding import six_digits
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.evaluate import score_dataset

REPLICATES = 400


@dataclass(frozen=True, slots=True)
class CostInterval:
    """A 95 % bootstrap interval."""

    low: float
    high: float


@dataclass(frozen=True)
class PolicyComparison:
    """What `new` does to a population compared with `current`. Both are measured at the costs of `new`.

    Intervals are of the cost of 1,000 records, None for cells.
    """

    measured_on: MeasuredOn

    current: Policy
    new: Policy
    population: Population
    intervals: dict[str, CostInterval] | None

    @property
    def changes(self) -> dict[Outcome, dict[Outcome, float]]:
        """How many records go from each outcome of `current` to each of `new`."""
        return changes(_codes(self.current, self.population), _codes(self.new, self.population), self.population)

    @property
    def changed(self) -> float:
        """How many records get another outcome."""
        return sum(number for was, to in self.changes.items() for now, number in to.items() if was != now)

    def as_json(self) -> dict[str, Any]:
        intervals = self.intervals or {}
        both = {
            name: consequences(self.new, self.population, _codes(policy, self.population))
            for name, policy in self._named
        }
        return {
            "measured_on": self.measured_on,
            "records": six_digits(float(self.population.counts.sum())),
            "frauds": six_digits(float(self.population.fraud.sum())),
            **{
                name: {
                    "policy": policy.as_json(),
                    "counts": {outcome: six_digits(number) for outcome, number in both[name].counts.items()},
                    **both[name].as_json(),
                    "exceeds_capacity": _exceeds(both[name].reviews_a_day, self.new.reviews_a_day),
                    **_interval_json(intervals.get(name)),
                }
                for name, policy in self._named
            },
            "difference": {
                f"cost_per_{PER}": six_digits(both["new"].cost - both["current"].cost),
                **_interval_json(intervals.get("difference")),
            },
            "changed": six_digits(self.changed),
            "changes": {
                was: {now: six_digits(number) for now, number in to.items()} for was, to in self.changes.items()
            },
        }

    @property
    def _named(self) -> list[tuple[str, Policy]]:
        return [("current", self.current), ("new", self.new)]


def compare_on_evidence(current: Policy, new: Policy, population: Population) -> PolicyComparison:
    """On a bundle's own cells. There are no intervals, because cells are not a sample."""
    return PolicyComparison("cells", current, new, population, None)


def compare_on_records(
    current: Policy, new: Policy, bundle: Bundle, dataset: Dataset, *, seed: int = 0
) -> PolicyComparison:
    """On labelled records, scored by the model, with 95 % intervals by a paired bootstrap over the records.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    _margins, probabilities = score_dataset(bundle.scorer, dataset)
    amount = bundle.contract.amount_at_risk
    amounts = None if amount is None else dataset.columns[amount]
    population = Population.of_records(dataset.is_fraud, probabilities, amounts, None)
    return PolicyComparison("records", current, new, population, _intervals(current, new, population, seed))


def _intervals(current: Policy, new: Policy, population: Population, seed: int) -> dict[str, CostInterval]:
    before, after = (chosen_costs(new, population, _codes(policy, population)) for policy in (current, new))
    rng, count = np.random.default_rng(seed), len(before)
    means = np.empty((REPLICATES, 2))
    for replicate in range(REPLICATES):
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        means[replicate] = times @ before / count, times @ after / count
    means *= PER
    named = {"current": means[:, 0], "new": means[:, 1], "difference": means[:, 1] - means[:, 0]}
    return {name: CostInterval(*np.quantile(drawn, [0.025, 0.975]).tolist()) for name, drawn in named.items()}


def _codes(policy: Policy, population: Population) -> NDArray[np.int8]:
    return policy.outcomes(population.probabilities, population.amounts)


def _exceeds(reviews_a_day: float | None, capacity: float | None) -> bool:
    """Whether that is more than reviewers can do; False where no capacity is stated."""
    return reviews_a_day is not None and capacity is not None and six_digits(reviews_a_day) > capacity


def _interval_json(interval: CostInterval | None) -> dict[str, float]:
    return {} if interval is None else {"low": six_digits(interval.low), "high": six_digits(interval.high)}
