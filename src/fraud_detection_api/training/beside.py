"""What stands beside a new model, on the same records: a logistic scorecard, and the champion."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import CorruptBundle, RegistryUnavailable, UnknownModel
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.statistics.estimates import six_digits
from fraud_detection_api.statistics.metrics import METRICS
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import Split, SplitSettings
from fraud_detection_api.training.evaluate import compare, score_dataset
from fraud_detection_api.training.fit_scorer import MeasuredTest, ScorerFitter
from fraud_detection_api.training.retraining import held_out
from fraud_detection_api.training.scorecard import Scorecard

COMPARED = {name: METRICS[name] for name in ("roc_auc", "average_precision", "recall_at_1pct_fpr", "brier")}


def baseline_card(fitter: ScorerFitter, train: Dataset, measured: MeasuredTest) -> dict[str, Any]:
    """The measures of a scorecard of `train`, and how much higher those of the model are."""
    scorecard = Scorecard.fit(train, deployed_base_rate=fitter.deployed_base_rate)
    other, everything = scorecard.probabilities(measured.data), np.ones(len(measured.data), dtype=np.bool_)
    beside = _beside(measured, everything, other, seed=fitter.seed)
    return {"method": "logistic scorecard", "rows": scorecard.rows, "columns": scorecard.columns, **beside}


def champion_beside(
    registry: ModelRegistry, data: Dataset, split: Split, settings: SplitSettings, measured: MeasuredTest, *, seed: int
) -> dict[str, Any] | None:
    """The same for the registry's champion; None where there is none that can score these records.

    `unseen` is false where the champion may have been trained on some of them.
    """
    if (found := _champion(registry)) is None or not _reads(found[1].contract, data.contract):
        return None
    version, champion = found
    chosen = held_out(data, settings, champion, seed=seed)
    compared = np.isin(split.test, chosen.rows)
    records = data.following(champion.contract).take(split.test[compared])
    other = score_dataset(champion.scorer, records).probabilities
    beside = _beside(measured, compared, other, seed=seed)
    return {"version": version, "digest": champion.digest, "unseen": chosen.unseen, **beside}


def _champion(registry: ModelRegistry) -> tuple[str, Bundle] | None:
    """The champion's version and bundle. What is wrong with a registry or its champion is not this training's matter."""
    try:
        version = registry.assigned(CHAMPION)
        return None if version is None else (version, ModelService(registry).load(version).bundle)
    except (CorruptBundle, RegistryUnavailable, UnknownModel):  # or the registry is made when the model is registered
        return None


def _reads(champion: Contract, new: Contract) -> bool:
    """Whether records that were encoded for the new contract have all that the champion reads."""
    derived = all(new.derived.get(name) == each for name, each in champion.derived.items())
    return champion.record_fingerprint == new.record_fingerprint and derived


def _beside(
    measured: MeasuredTest, chosen: NDArray[np.bool_], other: NDArray[np.float64], *, seed: int
) -> dict[str, Any]:
    """Measures of the model and of another on the chosen records of the test part, and differences with intervals.

    `other` float64 (k,) are the other's probabilities of them. Numbers have six digits, because the last bits of a
    regression's coefficients depend on the machine.
    """
    is_fraud, own = measured.data.is_fraud[chosen], measured.probability[chosen]
    weights = None if measured.weights is None else measured.weights[chosen]
    found = compare(is_fraud, own, other, metrics=COMPARED, weights=weights, seed=seed)
    return {
        "records": len(is_fraud),
        "frauds": int(is_fraud.sum()),
        "model": _measures(is_fraud, own, weights, tuple(COMPARED)),
        "other": _measures(is_fraud, other, weights, tuple(COMPARED)),
        "differences": {name: found[name].named("difference") for name in COMPARED},
    }


def _measures(
    is_fraud: NDArray[np.bool_], stated: NDArray[np.float64], weights: NDArray[np.float64] | None, names: Sequence[str]
) -> dict[str, float]:
    test = ScoredTest.sort(is_fraud, stated)
    sorted_weights = (np.ones(len(is_fraud)) if weights is None else weights)[test.order]
    return {name: six_digits(METRICS[name](test, sorted_weights)) for name in names}
