"""Policies of models: that of a new model, another one for a model that exists, and two side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.decision.decided import UNSEEN_LEVEL
from fraud_detection_api.errors import InvalidPolicy
from fraud_detection_api.model.bundle import Bundle, read_bundle, read_evidence
from fraud_detection_api.model.calibration import RiskScale
from fraud_detection_api.model.engine import Engine, Scorer
from fraud_detection_api.policy.consequences import (
    PER,
    MeasuredOn,
    changes,
    chosen_costs,
    consequences,
    policy_card,
    price_reviews,
    require_records_a_day,
)
from fraud_detection_api.policy.outcomes import OUTCOMES, Outcome, Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.estimates import Estimate, percentile_estimate, resamples, six_digits
from fraud_detection_api.training.calibrate import deployment_weights
from fraud_detection_api.training.changes import ChangedModel, changed_bundle
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.evaluate import population_of, score_dataset
from fraud_detection_api.training.fit_scorer import FittedScorer, MeasuredTest

SECONDS_A_DAY = 86_400.0


def with_records_a_day(
    policy: Policy, data: Dataset, deployed_base_rate: float | None, *, source: str = "of the model"
) -> Policy:
    """The policy, with the records a day of the file, to three digits, where the policy does not state them.

    A file without times does not determine them, and neither does a sample (a deployed base rate is given). Raises
    InvalidPolicy, naming `source`, where a capacity needs them.
    """
    span = 0.0 if data.seconds is None else float(np.ptp(data.seconds))
    if policy.records_a_day is None and deployed_base_rate is None and span > 0:
        policy = replace(policy, records_a_day=float(f"{len(data) / (span / SECONDS_A_DAY):.3g}"))
    require_records_a_day(policy, source=source)
    return policy


@dataclass(frozen=True, slots=True)
class DecidedPolicy:
    """A priced policy, its part of the card, and the cells on which another policy can be priced later; two JSON values."""

    policy: Policy
    card: dict[str, Any]
    evidence: dict[str, Any]


def unseen_card(scorer: Scorer, measured: MeasuredTest, policy: Policy) -> dict[str, Any]:
    """The card's part on unseen levels, where there are categories: reviews that the policy's figures do not count.

    `unseen` is the share of the held-out `records` with a level that training did not see, `reviewed` the share that is
    reviewed because of one, and would be approved.
    """
    encoder, data = scorer.encoder, measured.data
    if not encoder.level_codes:
        return {}
    codes = {
        name: replace(each, reviews_unseen=data.contract.features[name].unseen != "flag")
        for name, each in encoder.level_codes.items()
    }
    risk = RiskScale.of(measured.margins[~data.is_fraud])
    served = replace(scorer, encoder=replace(encoder, level_codes=codes))
    found = Engine(served, policy, risk, data.contract.amount_at_risk).assess(data.columns).unseen
    amount = data.contract.amount_at_risk
    alone = policy.outcomes(measured.probability, None if amount is None else data.columns[amount])
    unseen = [row for row, levels in found.items() if any(each.code == UNSEEN_LEVEL for each in levels)]
    approved = [row for row in unseen if OUTCOMES[alone[row]] == "approve"]
    reviewed = [row for row in approved if any(each.requires_review for each in found[row])]
    weights = np.ones(len(data)) if measured.weights is None else measured.weights
    shares = {
        name: float(weights[rows].sum() / weights.sum()) for name, rows in (("unseen", unseen), ("reviewed", reviewed))
    }
    return {"unseen_levels": {"records": len(data), **{name: six_digits(share) for name, share in shares.items()}}}


def decided_policy(
    policy: Policy,
    train: Dataset,
    fitted: FittedScorer,
    *,
    deployed_base_rate: float | None,
    succeeds: Policy | None,
) -> DecidedPolicy:
    """The policy, as the version after `succeeds`, priced on the training records.

    Each is scored by boosters that were not trained on it.
    """
    population = held_out_population(train, fitted, deployed_base_rate=deployed_base_rate)
    priced = price_reviews(policy, population).succeeding(succeeds)
    return DecidedPolicy(priced, policy_card(priced, population), population.cells().as_json())


def held_out_population(train: Dataset, fitted: FittedScorer, *, deployed_base_rate: float | None) -> Population:
    """The training records by their held-out probabilities, weighted by the deployed share of fraud."""
    probabilities = fitted.scorer.calibration.probabilities(fitted.held_out_margins)
    amount = train.contract.amount_at_risk
    return Population.of_records(
        train.is_fraud,
        probabilities,
        None if amount is None else train.columns[amount],
        deployment_weights(train.is_fraud, deployed_base_rate),
    )


def change_policy(files: Mapping[str, bytes], terms: Policy, *, source: str, file: str, now: datetime) -> ChangedModel:
    """The bundle of `files` with the policy of `terms`, as the next version of its policy; scores stay the same to the bit.

    The result states the former and the new policy, measured on the same evidence. Errors name `source` for the bundle and
    `file` for the terms. Raises CorruptBundle, and InvalidPolicy where the bundle already has these terms or they are
    incomplete.
    """
    former = read_bundle(files, source=source).policy
    population = read_evidence(files, source=source)[1]
    policy = priced_policy(terms, former, population, file=file)
    if policy == former:
        raise InvalidPolicy(file, [f"is already the policy of {source}; nothing was registered"])
    new = policy_card(policy, population, measured_on="cells")
    sealed = changed_bundle(files, {"policy": new}, policy=policy, source=source, now=now)
    return ChangedModel(sealed, {"from": policy_card(former, population, measured_on="cells"), "to": new})


def priced_policy(terms: Policy, former: Policy, population: Population, *, file: str) -> Policy:
    """The terms, priced on the population, as the version after `former`; `former` completes the records a day.

    Raises InvalidPolicy.
    """
    if terms.records_a_day is None:
        terms = replace(terms, records_a_day=former.records_a_day)
    if terms == replace(former, version=terms.version, review_price=terms.review_price):
        return former  # it was priced on records, and this population may be of cells
    require_records_a_day(terms, source=file)
    return price_reviews(terms, population).succeeding(former)


REPLICATES = 400


@dataclass(frozen=True)
class PolicyComparison:
    """What `new` does to a population compared with `current`. Both are measured at the costs of `new`.

    `intervals` are of the costs of 1,000 records and of their difference, None for cells.
    """

    measured_on: MeasuredOn
    current: Policy
    new: Policy
    population: Population
    intervals: dict[str, Estimate] | None

    @property
    def changes(self) -> dict[Outcome, dict[Outcome, float]]:
        """How many records go from each outcome of `current` to each of `new`."""
        return changes(_codes(self.current, self.population), _codes(self.new, self.population), self.population)

    @property
    def changed(self) -> float:
        """How many records get another outcome."""
        return sum(number for was, to in self.changes.items() for now, number in to.items() if was != now)

    def as_json(self) -> dict[str, Any]:
        policies, changes = {"current": self.current, "new": self.new}, self.changes
        both = {
            name: consequences(self.new, self.population, _codes(policy, self.population))
            for name, policy in policies.items()
        }
        sides = {
            name: {
                "policy": policies[name].as_json(),
                "counts": {outcome: six_digits(number) for outcome, number in side.counts.items()},
                **side.as_json(),
                "exceeds_capacity": _exceeds(side.reviews_a_day, self.new.reviews_a_day),
                **self._interval(name),
            }
            for name, side in both.items()
        }
        difference = {f"cost_per_{PER}": six_digits(both["new"].cost - both["current"].cost)}
        return {
            "measured_on": self.measured_on,
            "records": six_digits(float(self.population.counts.sum())),
            "frauds": six_digits(float(self.population.fraud.sum())),
            **sides,
            "difference": {**difference, **self._interval("difference")},
            "changed": six_digits(self.changed),
            "changes": {was: {now: six_digits(number) for now, number in to.items()} for was, to in changes.items()},
        }

    def _interval(self, name: str) -> dict[str, float]:
        if self.intervals is None:
            return {}
        _estimate, low, high = self.intervals[name]
        return {"low": six_digits(low), "high": six_digits(high)}


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
    population = population_of(bundle, dataset, probabilities)
    return PolicyComparison("records", current, new, population, _intervals(current, new, population, seed))


def _intervals(current: Policy, new: Policy, population: Population, seed: int) -> dict[str, Estimate]:
    costs = [chosen_costs(new, population, _codes(policy, population)) for policy in (current, new)]
    count = len(population.counts)
    samples = islice(resamples(count, seed), REPLICATES)
    drawn = PER * np.array([[times @ cost / count for cost in costs] for times in samples]).T
    before, after = (PER * float(cost.mean()) for cost in costs)
    return {
        "current": percentile_estimate(before, drawn[0]),
        "new": percentile_estimate(after, drawn[1]),
        "difference": percentile_estimate(after - before, drawn[1] - drawn[0]),
    }


def _codes(policy: Policy, population: Population) -> NDArray[np.int8]:
    return policy.outcomes(population.probabilities, population.amounts)


def _exceeds(reviews_a_day: float | None, capacity: float | None) -> bool:
    """Whether that is more than reviewers can do; False where no capacity is stated."""
    return reviews_a_day is not None and capacity is not None and six_digits(reviews_a_day) > capacity
