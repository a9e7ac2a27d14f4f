"""Grows boosters that differ in the fold that they leave out, from one matrix of bins, in memory or on disk."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from xgboost import collective

from fraud_detection_api.training.data.dataset import BLOCK_ROWS, Dataset, LevelTables

CHECK_EVERY = 5
"""The losses are measured every so many rounds; measuring each would cost more than it is worth."""

WATCHED_ROWS = 50_000
"""Most training records whose loss is measured; it is for a plot, and decides nothing."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A dataset with the numbers that stand for its categories, those of them that are split `by_sets`, and its folds."""

    data: Dataset
    tables: LevelTables
    folds: NDArray[np.int64]
    by_sets: frozenset[str]

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        return self.data.blocks(self.tables, self.folds)

    def part(self, rows: slice) -> "Encoded":
        """Some of the records, as a copy in memory."""
        return replace(self, data=self.data.take(np.arange(rows.start, rows.stop)).compact(), folds=self.folds[rows])

    @property
    def types(self) -> list[str]:
        """XGBoost's type of each column of the matrix."""
        own = ["c" if name in self.by_sets else "q" for name in self.data.records.column_names]
        return own + ["q"] * sum(table.shape[2] - 1 for table in self.tables.values())


@dataclass(frozen=True)
class Growing:
    """Grows boosters from one matrix. Each process and each thread that opens it has a matrix of its own.

    Growth ends after `max_rounds`, or when the fold that a booster leaves out has not improved for `patience` rounds.
    `on_progress` gets a fold and the share of its booster that is grown. Another process cannot call it.
    """

    encoded: Encoded
    parameters: Mapping[str, Any]
    max_rounds: int
    patience: int
    first_seed: int
    threads: int
    on_progress: Callable[[int, float], None] | None

    def __call__(self) -> Callable[[int], "Part"]:
        return partial(self._part, self._matrix())

    def __reduce__(self) -> tuple[Any, ...]:
        own = self.encoded, self.parameters, self.max_rounds, self.patience, self.first_seed, self.threads
        return type(self), (*own, None)

    def _matrix(self) -> xgboost.DMatrix:
        data, folder = self.encoded, self.encoded.data.records.folder
        weights = class_weights(data.data.is_fraud, self.parameters["base_score"])
        options = {"max_bin": self.parameters["max_bin"], "nthread": self.threads, "enable_categorical": True}
        if folder is not None:
            pages = Path(mkdtemp(prefix="bins-", dir=folder))
            return xgboost.ExtMemQuantileDMatrix(_Blocks(data, weights, pages), **options)
        if len(data.data) <= BLOCK_ROWS:
            (block,) = data.blocks()
            labels = data.data.is_fraud
            return xgboost.QuantileDMatrix(block, labels, weight=weights, feature_types=data.types, **options)
        return xgboost.QuantileDMatrix(_Blocks(data, weights), **options)

    def _part(self, matrix: xgboost.DMatrix, fold: int) -> "Part":
        """The booster without a fold."""
        left_out = self.encoded.folds == fold
        # a record of weight 0 has no influence on splits, so one matrix serves all folds
        matrix.set_info(weight=(~left_out).astype(np.float32))
        checking = _Checking(self, matrix, fold, left_out)
        # XGBoost takes a signed number of 64 bits
        parameters = {**self.parameters, "seed": (self.first_seed + fold) % 2**63}
        booster = xgboost.train(parameters, matrix, self.max_rounds, callbacks=[checking], verbose_eval=False)
        part = checking.part
        part.booster = booster[: part.kept]
        return part


@dataclass
class Part:
    """One booster, how many rounds it kept, the losses at each check, and the margins of the records that it left out."""

    held_out: NDArray[np.int64]
    kept: int = 0
    least_loss: float = np.inf
    held_out_losses: list[float] = field(default_factory=list)
    train_losses: list[float] = field(default_factory=list)
    margins: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    booster: xgboost.Booster = field(default_factory=xgboost.Booster)


class _Checking(xgboost.callback.TrainingCallback):
    """Stops a booster when the fold that it leaves out no longer improves."""

    def __init__(self, growing: Growing, matrix: xgboost.DMatrix, fold: int, left_out: NDArray[np.bool_]) -> None:
        self._growing, self._matrix, self._fold = growing, matrix, fold
        self._watched = np.flatnonzero(~left_out)[:WATCHED_ROWS]
        self.part = Part(np.flatnonzero(left_out))

    def after_iteration(self, model: xgboost.Booster, epoch: int, _log: object) -> bool:
        return epoch % CHECK_EVERY == 0 and self._check(model, epoch + 1)

    def _check(self, booster: xgboost.Booster, rounds: int) -> bool:
        """Record the losses after so many rounds. Returns whether the held-out fold has stopped improving."""
        part, is_fraud = self.part, self._growing.encoded.data.is_fraud
        margins = booster.predict(self._matrix, output_margin=True)  # XGBoost has them at hand
        held_out = margins[part.held_out]
        loss = _mean_loss(held_out, is_fraud[part.held_out])
        if loss < part.least_loss:
            part.least_loss, part.kept, part.margins = loss, rounds, held_out
        part.held_out_losses.append(loss)
        part.train_losses.append(_mean_loss(margins[self._watched], is_fraud[self._watched]))
        if self._growing.on_progress is not None:
            self._growing.on_progress(self._fold, rounds / self._growing.max_rounds)
        return bool(rounds >= part.kept + self._growing.patience)


class _Blocks(xgboost.DataIter):
    """A dataset in blocks, so that it is not copied as a whole. XGBoost keeps their bins in files of `folder`, if given."""

    def __init__(self, encoded: Encoded, weights: NDArray[np.float32], folder: Path | None = None) -> None:
        super().__init__(cache_prefix=None if folder is None else str(folder / "page"))
        self._encoded, self._is_fraud, self._weights = encoded, encoded.data.is_fraud, weights

    def reset(self) -> None:
        self._done = 0
        self._blocks = self._encoded.blocks()

    def next(self, input_data: Callable[..., Any]) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        rows = slice(self._done, self._done + len(block))
        label, weight = self._is_fraud[rows], self._weights[rows]
        input_data(data=block, label=label, weight=weight, feature_types=self._encoded.types)
        self._done += len(block)
        return True


def class_weights(is_fraud: NDArray[np.bool_], base_rate: float) -> NDArray[np.float32]:
    """Weights of the records while columns are divided into bins, float32 (n,): both classes weigh the same.

    So bins are fine where frauds are, which are few. When trees are grown, no class is reweighted.

    >>> class_weights(np.array([True, False, False, False]), 0.25).tolist()
    [3.0, 1.0, 1.0, 1.0]
    """
    return np.where(is_fraud, (1 - base_rate) / base_rate, 1.0).astype(np.float32)


def log_losses(margins: NDArray[np.float32], is_fraud: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The log loss of each record, float64 (n,) in nats, of margins float32 (n,)."""
    return np.logaddexp(0, np.where(is_fraud, -margins, margins)).astype(np.float64)


def _mean_loss(margins: NDArray[np.float32], is_fraud: NDArray[np.bool_]) -> float:
    """Over the records of all processes that grow a booster together."""
    total = np.array([log_losses(margins, is_fraud).sum(), len(margins)])
    if collective.is_distributed():
        total = collective.allreduce(total, collective.Op.SUM)
    return float(total[0] / total[1])
