"""Fairness of a model and its policy on labelled records, by protected features and by columns of a separate file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.monitoring.fairness import Decided, fairness, protected_columns
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.evaluate import score_dataset

Groups = Mapping[str, NDArray[Any]]
"""Columns of groups, each (n,) for the records of a dataset: texts with None, or float64 with NaN."""


def fairness_of(
    data: Dataset,
    probability: NDArray[np.float64],
    policy: Policy,
    *,
    weights: NDArray[np.float64] | None = None,
    groups: Groups | None = None,
) -> list[dict[str, Any]]:
    """What `monitoring.fairness` measures, for the contract's protected features and then for `groups`."""
    columns, amount = data.columns, data.contract.amount_at_risk
    outcomes = policy.outcomes(probability, None if amount is None else columns[amount])
    named = {name: columns[name] for name in protected_columns(data.contract)}
    return fairness({**named, **(groups or {})}, Decided(data.is_fraud, probability, outcomes, weights))


def fairness_of_bundle(bundle: Bundle, data: Dataset, groups: Groups | None = None) -> list[dict[str, Any]]:
    """The same for a registered model, on all records of a dataset of its contract."""
    return fairness_of(data, score_dataset(bundle.scorer, data).probabilities, bundle.policy, groups=groups)
