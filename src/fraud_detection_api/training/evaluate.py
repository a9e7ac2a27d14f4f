"""How good a model is on records it has never seen, with intervals, beside the best that is possible."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.training.dataset import Dataset
from fraud_detection_api.training.metrics import METRICS, UNBOUNDED, ScoredTest

REPLICATES = 200
INTERVAL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value, its 95 % bootstrap interval, and its value for the true probabilities where they are known."""

    value: float
    low: float
    high: float
    bayes_limit: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics on `rows` records of which `frauds` are fraud."""

    rows: int
    frauds: int
    metrics: dict[str, Estimate]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    *,
    known_probability: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Every metric of METRICS with a bootstrap interval over records (REPLICATES replicates).

    Arrays are (n,). Needs both classes; replicates that miss a class are drawn again. The interval is the percentile one
    less the bootstrap's own bias, because a calibration error grows with the noise that resampling adds.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13.
    """
    test = ScoredTest.sort(is_fraud, probability)
    ones = np.ones(len(is_fraud))
    replicates = _replicates(test, np.random.default_rng(seed))
    tail = (1 - INTERVAL) / 2
    limits = _limits(is_fraud, known_probability)
    metrics = {}
    for name, metric in METRICS.items():
        value = metric(test, ones)
        resampled = np.array([metric(test, weights) for weights in replicates])
        low, high = np.quantile(resampled, [tail, 1 - tail]) - (resampled.mean() - value)
        highest = np.inf if name in UNBOUNDED else 1.0
        metrics[name] = Estimate(value, float(max(low, 0.0)), float(min(high, highest)), limits.get(name))
    return Evaluation(len(is_fraud), int(is_fraud.sum()), metrics)


def evaluate_bundle(bundle: Bundle, dataset: Dataset) -> Evaluation:
    """Every metric of a model on all records of a dataset of its contract."""
    _margins, probability = bundle.scorer.score(dataset.columns)
    return evaluate(dataset.is_fraud, probability, known_probability=dataset.known_probability)


def _limits(is_fraud: NDArray[np.bool_], known_probability: NDArray[np.float64] | None) -> dict[str, float]:
    if known_probability is None:
        return {}
    best = ScoredTest.sort(is_fraud, known_probability)
    return {name: metric(best, np.ones(len(is_fraud))) for name, metric in METRICS.items()}


def _replicates(test: ScoredTest, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    replicates: list[NDArray[np.float64]] = []
    count = len(test.is_fraud)
    while len(replicates) < REPLICATES:
        weights = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        if 0 < weights @ test.is_fraud < count:
            replicates.append(weights)
    return replicates
