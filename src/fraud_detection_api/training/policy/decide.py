"""The policy of a new model: its capacity, and the price of a review on held-out scores."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fraud_detection_api.policy.consequences import policy_card
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.policy.population import Population
from fraud_detection_api.policy.pricing import price_reviews, require_records_a_day
from fraud_detection_api.training.calibrate import deployment_weights
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.fit_scorer import FittedScorer

SECONDS_A_DAY = 86_400.0


def with_records_a_day(
    policy: Policy, data: Dataset, deployed_base_rate: float | None, *, source: str = "of the model"
) -> Policy:
    """The policy, with the records a day of the file where the policy does not state them.

    A file without times does not determine them, and neither does a sample (a deployed base rate is given). Raises
    InvalidPolicy, naming `source`, where a capacity needs them.
    """
    found = None if deployed_base_rate is not None else _records_a_day(data)
    if policy.records_a_day is None and found is not None:
        policy = replace(policy, records_a_day=found)
    require_records_a_day(policy, source=source)
    return policy


@dataclass(frozen=True, slots=True)
class DecidedPolicy:
    """A priced policy, its part of the card, and the cells on which another policy can be priced later; two JSON values."""

    policy: Policy
    card: dict[str, Any]
    evidence: dict[str, Any]


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


def _records_a_day(data: Dataset) -> float | None:
    """Records a day of a file, to three digits; None without times that differ."""
    seconds = data.seconds
    span = 0.0 if seconds is None else float(np.ptp(seconds))
    return float(f"{len(data) / (span / SECONDS_A_DAY):.3g}") if span > 0 else None
