"""XGBoostTrainer: boosters that stop early on the validation part, averaged into one."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud_detection_api.model.forest import average_boosters

Progress = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class XGBoostSettings:
    """Hyper-parameters, in XGBoost's own terms. The defaults and what was measured: docs/decisions/0006."""

    boosters: int = 5
    max_rounds: int = 1000
    early_stopping_rounds: int = 40
    learning_rate: float = 0.05
    max_depth: int = 4
    min_child_weight: float = 5.0
    subsample: float = 0.7
    colsample_bytree: float = 0.6
    reg_lambda: float = 1.0
    max_bin: int = 4096


@dataclass(frozen=True, slots=True)
class TrainedTrees:
    """The averaged booster and the number of rounds that each of its parts kept."""

    booster: xgboost.Booster
    rounds: tuple[int, ...]


@dataclass(frozen=True)
class XGBoostTrainer:
    """Fits boosters that differ in their seed alone, and averages their log-odds.

    No class is reweighted or resampled: that would bend the probabilities. Bins are fine (`max_bin`), because coarse
    ones cost average precision on skewed amounts.
    """

    settings: XGBoostSettings
    seed: int
    threads: int = 0

    def fit(
        self,
        train: tuple[NDArray[np.float32], NDArray[np.bool_]],
        validation: tuple[NDArray[np.float32], NDArray[np.bool_]],
        *,
        monotone: tuple[int, ...] = (),
        on_progress: Progress = lambda _share: None,
    ) -> TrainedTrees:
        """Trees from (matrix (n, features), is_fraud (n,)) pairs; rounds are chosen by log loss on `validation`.

        `monotone` holds -1, 0 or 1 for each feature. The same data, seed and threads give the same trees.
        """
        fitting = xgboost.QuantileDMatrix(*train, max_bin=self.settings.max_bin, nthread=self._threads)
        watching = xgboost.QuantileDMatrix(
            *validation, ref=fitting, max_bin=self.settings.max_bin, nthread=self._threads
        )
        parameters = self._parameters(float(train[1].mean()), monotone)
        boosters = [
            self._fit_one(fitting, watching, parameters, number, on_progress)
            for number in range(self.settings.boosters)
        ]
        return TrainedTrees(average_boosters(boosters), tuple(b.num_boosted_rounds() for b in boosters))

    def _fit_one(
        self,
        fitting: xgboost.QuantileDMatrix,
        watching: xgboost.QuantileDMatrix,
        parameters: dict[str, Any],
        number: int,
        on_progress: Progress,
    ) -> xgboost.Booster:
        count = self.settings.boosters
        report = _ProgressCallback(lambda share: on_progress((number + share) / count), self.settings.max_rounds)
        stop = xgboost.callback.EarlyStopping(rounds=self.settings.early_stopping_rounds, save_best=True)
        booster = xgboost.train(
            {**parameters, "seed": (self.seed * 1000 + number) % 2**63},  # XGBoost takes 64 bits with a sign
            fitting,
            num_boost_round=self.settings.max_rounds,
            evals=[(watching, "validation")],
            callbacks=[stop, report],
            verbose_eval=False,
        )
        on_progress((number + 1) / count)
        return booster

    def _parameters(self, base_rate: float, monotone: tuple[int, ...]) -> dict[str, Any]:
        own = {"boosters", "max_rounds", "early_stopping_rounds"}
        parameters = {name: setting for name, setting in asdict(self.settings).items() if name not in own}
        fixed = {"objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist"}
        constraints = {"monotone_constraints": monotone} if any(monotone) else {}
        return {**parameters, **fixed, **constraints, "base_score": base_rate, "nthread": self._threads}

    @property
    def _threads(self) -> int:
        return self.threads or int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count() or 1


class _ProgressCallback(xgboost.callback.TrainingCallback):
    def __init__(self, report: Progress, max_rounds: int) -> None:
        self._report, self._max_rounds = report, max_rounds

    def after_iteration(self, _model: xgboost.Booster, epoch: int, _log: object) -> bool:
        self._report(epoch / self._max_rounds)
        return False
