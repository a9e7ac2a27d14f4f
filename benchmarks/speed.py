"""Seconds of the product's trainer beside the same boosters grown by bare XGBoost.

Of the processor, and on one thread: then other processes on the machine hardly bend the ratio.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from benchmarks.rivals import SEED, THREADS
from fraud_detection_api.training.boosters.growing import class_weights
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.levels import cross_fitted_tables
from fraud_detection_api.training.data.splits import cross_fitting_folds
from fraud_detection_api.training.train_xgboost import XGBoostSettings, XGBoostTrainer

REPEATS = 3


@dataclass(frozen=True, slots=True)
class Grown:
    """How one booster was grown: XGBoost's parameters, all rounds up to the stop, weights float32 (n,) or none."""

    parameters: dict[str, Any]
    rounds: int
    weight: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Speed:
    """Median processor seconds of REPEATS trainings each, taken in turns, of `rounds` rounds in all `boosters` together."""

    name: str
    rows: int
    columns: int
    boosters: int
    rounds: int
    trainer_seconds: float
    bare_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as long as bare XGBoost the trainer takes."""
        return self.trainer_seconds / self.bare_seconds


def compare_speed(name: str, data: Dataset, settings: XGBoostSettings) -> Speed:
    """The trainer, and what it asked XGBoost for asked again without anything around it. One repeat of folds only."""
    assert settings.repeats == 1, "bare XGBoost is given one matrix"
    trainer = XGBoostTrainer(settings, SEED, THREADS)
    with _recorded() as grown:
        trainer_seconds = [_seconds_of(lambda: trainer.fit(data))]
    bare_seconds = [_seconds_of(lambda: _grow_bare(data, settings, grown))]
    for _ in range(REPEATS - 1):
        trainer_seconds.append(_seconds_of(lambda: trainer.fit(data)))
        bare_seconds.append(_seconds_of(lambda: _grow_bare(data, settings, grown)))
    return Speed(
        name=name,
        rows=len(data),
        columns=len(data.records.column_names),
        boosters=len(grown),
        rounds=sum(booster.rounds for booster in grown),
        trainer_seconds=median(trainer_seconds),
        bare_seconds=median(bare_seconds),
    )


@contextmanager
def _recorded() -> Iterator[list[Grown]]:
    """Note each booster that is grown meanwhile; the list is full when the block ends."""
    grown: list[Grown] = []
    train = xgboost.train

    def train_and_note(parameters: dict[str, Any], matrix: xgboost.DMatrix, *rest: Any, **options: Any) -> Any:
        booster = train(parameters, matrix, *rest, **options)
        grown.append(Grown(parameters, booster.num_boosted_rounds(), matrix.get_weight().copy()))
        return booster

    xgboost.train = train_and_note
    try:
        yield grown
    finally:
        xgboost.train = train


def _grow_bare(data: Dataset, settings: XGBoostSettings, grown: list[Grown]) -> None:
    folds = cross_fitting_folds(data, settings.folds, seed=SEED)
    columns = data.matrix(cross_fitted_tables(data, folds), folds)
    weight = class_weights(data.is_fraud, data.base_rate)
    bins = settings.bins(len(data))
    matrix = xgboost.QuantileDMatrix(columns, data.is_fraud, weight=weight, max_bin=bins, nthread=THREADS)
    for booster in grown:
        matrix.set_info(weight=booster.weight)
        xgboost.train(booster.parameters, matrix, booster.rounds, verbose_eval=False)


def _seconds_of(work: Callable[[], object]) -> float:
    begun = process_time()
    work()
    return process_time() - begun
