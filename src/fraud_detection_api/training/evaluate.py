"""How good a model is on records that it was not trained on, with intervals, and beside the best possible."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.model.engine import Scorer, Scores
from fraud_detection_api.statistics.metrics import METRICS, UNBOUNDED
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training.data.dataset import Dataset

REPLICATES = 200
INTERVAL = 0.95

Counts: TypeAlias = NDArray[np.uint16]
"""How often each of n records is in a replicate, (n,). Rarely above 10; narrow numbers are reordered faster."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure's value, its 95 % bootstrap interval, and its value for the true probabilities where they are known."""

    value: float
    low: float
    high: float
    bayes_limit: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures on `rows` records of which `frauds` are fraud."""

    rows: int
    frauds: int
    metrics: dict[str, Estimate]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a measure differs between two models on the same records, with its 95 % paired bootstrap interval."""

    difference: float
    low: float
    high: float


def evaluate(
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    *,
    known_probability: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Every measure of METRICS with a bootstrap interval over records (REPLICATES replicates).

    Arrays are (n,); `weights` counts a record as more or less than one. Both classes must be present; replicates that lack
    one are drawn again. The interval is the percentile interval less the bootstrap's bias, because a calibration error
    grows with the noise that resampling adds.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13.
    """
    weights = np.ones(len(is_fraud)) if weights is None else weights
    test = ScoredTest.sort(is_fraud, probability)
    best = None if known_probability is None else ScoredTest.sort(is_fraud, known_probability)
    sorted_weights = weights[test.order]
    values = _values(test, sorted_weights)
    resampled = np.array([_values(test, sorted_weights * draw[test.order]) for draw in _draws(is_fraud, seed)])
    limits = [None] * len(values) if best is None else _values(best, weights[best.order])
    return Evaluation(
        rows=len(is_fraud),
        frauds=int(is_fraud.sum()),
        metrics={
            name: _estimate(value, resampled[:, index], limits[index], highest=np.inf if name in UNBOUNDED else 1.0)
            for index, (name, value) in enumerate(zip(METRICS, values, strict=True))
        },
    )


def compare(
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    metrics: Sequence[str],
    seed: int = 0,
) -> dict[str, Difference]:
    """How much higher each measure is for `probability` than for `baseline`, float64 (n,) each, on the same records.

    Both are measured on the same replicates, so that variation which both share does not widen the interval.
    """
    first, second = ScoredTest.sort(is_fraud, probability), ScoredTest.sort(is_fraud, baseline)

    def gains(counts: Counts) -> list[float]:
        both = (_values(test, counts[test.order].astype(np.float64), metrics) for test in (first, second))
        return [one - other for one, other in zip(*both, strict=True)]

    values = gains(np.ones(len(is_fraud), np.uint16))
    resampled = np.array([gains(draw) for draw in _draws(is_fraud, seed)])
    return {
        name: Difference(value, *_interval(value, resampled[:, index]))
        for index, (name, value) in enumerate(zip(metrics, values, strict=True))
    }


def evaluate_bundle(bundle: Bundle, dataset: Dataset) -> Evaluation:
    """Every measure of a model on all records of a dataset of its contract."""
    _margins, probability = score_dataset(bundle.scorer, dataset)
    return evaluate(dataset.is_fraud, probability, known_probability=dataset.known_probability)


def score_dataset(scorer: Scorer, dataset: Dataset) -> Scores:
    """Scores of a dataset's records, block by block."""
    tables = dataset.tables_of(scorer.encoder.level_codes)
    scores = [scorer.score_matrix(block) for block in dataset.blocks(tables)]
    return Scores(*(np.concatenate(parts) for parts in zip(*scores, strict=True)))


def _values(test: ScoredTest, weights: NDArray[np.float64], names: Sequence[str] = tuple(METRICS)) -> list[float]:
    """Measures for weights, float64 (n,), in the order of the sorted records."""
    return [METRICS[name](test, weights) for name in names]


def _estimate(value: float, resampled: NDArray[np.float64], limit: float | None, *, highest: float) -> Estimate:
    low, high = _interval(value, resampled)
    return Estimate(value, max(low, 0.0), min(high, highest), limit)


def _interval(value: float, resampled: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]) - (resampled.mean() - value)
    return float(low), float(high)


def _draws(is_fraud: NDArray[np.bool_], seed: int) -> Iterator[Counts]:
    """For each replicate, how often each record is in it."""
    rng, count, made = np.random.default_rng(seed), len(is_fraud), 0
    frauds = np.flatnonzero(is_fraud)
    while made < REPLICATES:
        draw = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.uint16)
        if 0 < draw[frauds].sum() < count:
            made += 1
            yield draw
