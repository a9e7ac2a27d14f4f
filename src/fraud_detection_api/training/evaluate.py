"""How good a model is on records that it was not trained on, with intervals, and beside the best possible."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.model.engine import Scorer, Scores
from fraud_detection_api.policy.consequences import Consequences, consequences
from fraud_detection_api.policy.population import Population
from fraud_detection_api.statistics.estimates import Estimate, bootstrap_estimate, resamples
from fraud_detection_api.statistics.metrics import METRICS, OF_ANY, UNBOUNDED, Metric
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training.data.dataset import Dataset

REPLICATES = 200
_TAIL = (1 - 0.95) / 2
"""Not quite 0.025: the intervals of every model card so far have this rounding."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures on `rows` records of which `frauds` are fraud.

    `bayes_limits` are the measures of the true probabilities, by the same names; empty where those are not known.
    """

    rows: int
    frauds: int
    metrics: dict[str, Estimate]
    bayes_limits: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        metrics = {
            name: {**estimate.as_json("value"), "bayes_limit": self.bayes_limits.get(name)}
            for name, estimate in self.metrics.items()
        }
        return {"rows": self.rows, "frauds": self.frauds, "metrics": metrics}


def evaluate(
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    *,
    known_probability: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Every measure of METRICS with a bootstrap interval over records (REPLICATES replicates).

    Arrays are (n,); `weights` counts a record as more or less than one. With one class alone, the measures are those OF_ANY;
    otherwise replicates that lack a class are drawn again. The interval is the percentile interval less the bootstrap's
    bias, because a calibration error grows with the noise that resampling adds.
    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13.
    """
    weights = np.ones(len(is_fraud)) if weights is None else weights
    names = tuple(METRICS) if 0 < is_fraud.sum() < len(is_fraud) else OF_ANY
    measured = [METRICS[name] for name in names]
    test = ScoredTest.sort(is_fraud, probability)
    best = None if known_probability is None else ScoredTest.sort(is_fraud, known_probability)
    sorted_weights = weights[test.order]
    values = _values(test, sorted_weights, measured)
    draws = _draws(is_fraud, seed)
    resampled = np.array([_values(test, sorted_weights * draw[test.order], measured) for draw in draws])
    limits = [] if best is None else _values(best, weights[best.order], measured)
    metrics = {
        name: estimate.within(0.0, np.inf if name in UNBOUNDED else 1.0)
        for name, estimate in _estimates(names, values, resampled).items()
    }
    return Evaluation(len(is_fraud), int(is_fraud.sum()), metrics, dict(zip(names, limits, strict=False)))


def compare(
    is_fraud: NDArray[np.bool_],
    probability: NDArray[np.float64],
    baseline: NDArray[np.float64],
    *,
    metrics: Mapping[str, Metric],
    weights: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> dict[str, Estimate]:
    """How much higher each measure is for `probability` than for `baseline`, float64 (n,) each, on the same records.

    Both are measured on the same replicates, so that variation which both share does not widen the interval. `weights`
    float64 (n,) count a record as more or less than one.
    """
    weights = np.ones(len(is_fraud)) if weights is None else weights
    first, second = ScoredTest.sort(is_fraud, probability), ScoredTest.sort(is_fraud, baseline)

    def gains(counts: NDArray[np.float64]) -> list[float]:
        both = (_values(test, counts[test.order], metrics.values()) for test in (first, second))
        return [one - other for one, other in zip(*both, strict=True)]

    values = gains(weights)
    resampled = np.array([gains(draw * weights) for draw in _draws(is_fraud, seed)])
    return _estimates(metrics, values, resampled)


def evaluate_bundle(bundle: Bundle, dataset: Dataset) -> tuple[Evaluation, Consequences]:
    """Every measure of a model on all records of a dataset of its contract, and what its policy does to them."""
    _margins, probability = score_dataset(bundle.scorer, dataset)
    evaluation = evaluate(dataset.is_fraud, probability, known_probability=dataset.known_probability)
    return evaluation, consequences(bundle.policy, population_of(bundle, dataset, probability))


def population_of(bundle: Bundle, dataset: Dataset, probability: NDArray[np.float64]) -> Population:
    """The records of a dataset with the probabilities, float64 (n,), that the model gives them."""
    amount = bundle.contract.amount_at_risk
    amounts = None if amount is None else dataset.columns[amount]
    return Population.of_records(dataset.is_fraud, probability, amounts, None)


def score_dataset(scorer: Scorer, dataset: Dataset) -> Scores:
    """Scores of a dataset's records, block by block."""
    tables = dataset.tables_of(scorer.encoder.level_codes)
    scores = [scorer.score_matrix(block) for block in dataset.blocks(tables)]
    return Scores(*(np.concatenate(parts) for parts in zip(*scores, strict=True)))


def _values(test: ScoredTest, weights: NDArray[np.float64], metrics: Iterable[Metric]) -> list[float]:
    """Measures for weights, float64 (n,), in the order of the sorted records."""
    return [metric(test, weights) for metric in metrics]


def _estimates(names: Iterable[str], values: Sequence[float], resampled: NDArray[np.float64]) -> dict[str, Estimate]:
    """Each value by name, with the interval of its column of `resampled`, float64 (replicates, measures)."""
    columns = zip(names, values, resampled.T, strict=True)
    return {name: bootstrap_estimate(value, column, tail=_TAIL) for name, value, column in columns}


def _draws(is_fraud: NDArray[np.bool_], seed: int) -> Iterator[NDArray[np.uint16]]:
    """REPLICATES bootstrap samples that hold the classes that there are."""
    frauds, count = np.flatnonzero(is_fraud), len(is_fraud)
    draws = resamples(count, seed)
    if 0 < frauds.size < count:
        draws = (draw for draw in draws if 0 < draw[frauds].sum() < count)
    return islice(draws, REPLICATES)
