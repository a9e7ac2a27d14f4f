"""From a dataset to a scorer: trees, level codes and calibration, all from the same records; none is held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.contract.encoding import Encoder
from fraud_detection_api.model.engine import Scorer
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.services.workers.pool import ThisProcess, Threads, Workers, results
from fraud_detection_api.statistics.metrics import METRICS
from fraud_detection_api.training.boosters.devices import Device
from fraud_detection_api.training.calibrate import deployment_weights, fit_calibration, uncalibrated
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.levels import learn_level_codes, split_by_sets
from fraud_detection_api.training.evaluate import Evaluation, compare, evaluate, score_dataset
from fraud_detection_api.training.train_xgboost import (
    ROWS_SIDE_BY_SIDE,
    Progress,
    Stop,
    TrainedTrees,
    XGBoostSettings,
    XGBoostTrainer,
    shares,
    stages,
)

PRICED = {name: METRICS[name] for name in ("average_precision", "roc_auc")}
MOST_PRICED_ALONE = 5


@dataclass(frozen=True)
class FittedScorer:
    """A scorer, the UBJSON that its trees were read from, and the trained trees."""

    scorer: Scorer
    booster: bytes
    trees: TrainedTrees

    @property
    def held_out_margins(self) -> NDArray[np.float32]:
        """Margins, float32 (n,), of the training records by boosters that were not trained on them."""
        return self.trees.held_out_margins


@dataclass(frozen=True)
class ScorerFitter:
    """Fits scorers. `seed` determines folds and trees; `threads`, 0 for all cores, does not change the result.

    `workers` do not either, unless they grow boosters `together`: see `XGBoostTrainer`.
    `deployed_base_rate` is the share of fraud where the scorer will be used, if the records are a sample with another one.
    """

    settings: XGBoostSettings
    seed: int
    threads: int = 0
    deployed_base_rate: float | None = None
    workers: Workers | None = None
    together: bool = False
    device: Device = "cpu"

    def fit(self, data: Dataset, *, on_progress: Progress = lambda _share: None) -> FittedScorer:
        """Scorer of all of `data`, with the contract's monotone constraints."""
        by_sets = split_by_sets(data, self.settings.most_levels_by_sets)
        encoder = Encoder(data.contract, learn_level_codes(data, by_sets))
        trees = self._trees(data, data.contract.monotone_columns, on_progress)
        booster = bytes(trees.booster.save_raw(raw_format="ubj"))
        calibration = fit_calibration(trees.held_out_margins, data.is_fraud, deployed_base_rate=self.deployed_base_rate)
        return FittedScorer(Scorer(encoder, Forest.of_booster(booster), calibration), booster, trees)

    def fit_each(
        self, datasets: Sequence[Dataset], *, on_progress: Progress = lambda _share: None
    ) -> list[FittedScorer]:
        """A scorer of each dataset, as `fit` makes it.

        Small ones are fitted side by side: while the last booster of one grows, processors would idle.
        """
        reports, stop = shares(on_progress, len(datasets)), Stop()

        def fit(number: int) -> FittedScorer:
            return self.fit(datasets[number], on_progress=stop.ends(reports[number]))

        small = self.workers is None and max(map(len, datasets)) <= ROWS_SIDE_BY_SIDE
        here: Workers = Threads(len(datasets)) if small else ThisProcess()
        numbers = range(len(datasets))
        with here.pool(lambda: fit) as pool, stop:
            fitted = {number: future.result() for number, future in results(pool, list(numbers)[::-1])}
        return [fitted[number] for number in numbers]

    def held_out_losses(
        self, data: Dataset, fold: int, *, on_progress: Progress = lambda _share: None
    ) -> NDArray[np.float64]:
        """The log loss of each record of a fold of the cross-fitting, float64 (k,) in nats."""
        return self._trainer.held_out_losses(
            data, fold, monotone=_monotone(data, data.contract.monotone_columns), on_progress=on_progress
        )

    def constraint_prices(
        self, data: Dataset, fitted: FittedScorer, *, on_progress: Progress = lambda _share: None
    ) -> list[dict[str, Any]]:
        """What the contract's monotone constraints cost: how much each set changes the measures of PRICED.

        First all constraints of `fitted` together, then each alone where there are 2 to MOST_PRICED_ALONE. Differences are
        relative to the same training without constraints, on held-out scores; a negative difference is a price.
        """
        declared = data.contract.monotone_columns
        if not declared:
            return []
        alone = [{name: sign} for name, sign in declared.items()] if 1 < len(declared) <= MOST_PRICED_ALONE else []
        on_free, *on_alone = stages(on_progress, *[1] * (1 + len(alone)))
        free = self._trees(data, {}, on_free).held_out_margins
        priced = [(declared, fitted.held_out_margins)]
        priced += [
            (one, self._trees(data, one, report).held_out_margins) for one, report in zip(alone, on_alone, strict=True)
        ]
        return [self._price(data, constraints, margins, free) for constraints, margins in priced]

    def _trees(self, data: Dataset, constraints: Mapping[str, int], on_progress: Progress) -> TrainedTrees:
        return self._trainer.fit(data, monotone=_monotone(data, constraints), on_progress=on_progress)

    @property
    def thread_count(self) -> int:
        """How many threads 0 stands for here, or the given number."""
        return self._trainer.thread_count

    @property
    def _trainer(self) -> XGBoostTrainer:
        return XGBoostTrainer(self.settings, self.seed, self.threads, self.workers, self.together, self.device)

    def _price(
        self,
        data: Dataset,
        constraints: Mapping[str, int],
        margins: NDArray[np.float32],
        free: NDArray[np.float32],
    ) -> dict[str, Any]:
        found = compare(data.is_fraud, uncalibrated(margins), uncalibrated(free), metrics=PRICED, seed=self.seed)
        return {
            "constraints": list(constraints),
            **{name: difference.as_json("difference") for name, difference in found.items()},
        }


def _monotone(data: Dataset, constraints: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(constraints.get(name, 0) for name in data.records.column_names)


@dataclass(frozen=True, slots=True)
class MeasuredTest:
    """Records that a scorer was not trained on, its scores of them, and how good those are.

    Arrays are (n,): `margins` float32 in log-odds, the others float64. `raw_probability` is the trees' own,
    `probability` the calibrated one; `before` and `after` are their evaluations. `weights` are those of
    `deployment_weights`, None for 1 each.
    """

    data: Dataset
    margins: NDArray[np.float32]
    raw_probability: NDArray[np.float64]
    probability: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    before: Evaluation
    after: Evaluation


def measure(fitter: ScorerFitter, fitted: FittedScorer, test: Dataset) -> MeasuredTest:
    """Score `test` and evaluate the scores, with the fitter's seed and for its deployed share of fraud."""
    margins, probability = score_dataset(fitted.scorer, test)
    raw_probability = uncalibrated(margins)
    weights = deployment_weights(test.is_fraud, fitter.deployed_base_rate)
    known = test.known_probability if weights is None else None
    before, after = (
        evaluate(test.is_fraud, stated, known_probability=known, weights=weights, seed=fitter.seed)
        for stated in (raw_probability, probability)
    )
    return MeasuredTest(test, margins, raw_probability, probability, weights, before, after)
