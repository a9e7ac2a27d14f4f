"""XGBoostTrainer: cross-fitted boosters, each stopped by a fold that it was not trained on, averaged into one."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud_detection_api.contract.encoding import MOST_LEVELS_BY_SETS
from fraud_detection_api.model.trees.boosters import NO_CHILD, replace_trees
from fraud_detection_api.services.workers.pool import ThisProcess, Threads, Workers, results
from fraud_detection_api.training.boosters.devices import Device
from fraud_detection_api.training.boosters.growing import CHECK_EVERY, Encoded, Growing, Part, log_losses
from fraud_detection_api.training.boosters.together import grown_together
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.levels import cross_fitted_tables, split_by_sets
from fraud_detection_api.training.data.splits import cross_fitting_folds

Progress = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1."""

ROWS_SIDE_BY_SIDE = 250_000
"""So few records keep one thread busy and no more, and the matrix is small: then each thread grows boosters of its own."""

COARSE_BINS = 256
RECORDS_IN_A_BIN = 16
"""A bin holds at least so many records: finer bins add no information, and take most of the time on few records."""


@dataclass(frozen=True, slots=True)
class XGBoostSettings:
    """Hyper-parameters; those of XGBoost have its names. What was measured: docs/decisions/0006.

    `folds` boosters are grown for each of `repeats` ways to divide the records into folds. `max_bin` is for many records;
    see `bins`. Categories of at most `most_levels_by_sets` levels are split by sets of levels, others by their rates.
    Raises ValueError for fewer than 2 folds: a single fold would leave nothing to train on.
    """

    folds: int = 5
    repeats: int = 1
    max_rounds: int = 2000
    early_stopping_rounds: int = 25
    learning_rate: float = 0.05
    max_depth: int = 4
    min_child_weight: float = 1.0
    subsample: float = 0.9
    colsample_bytree: float = 0.8
    reg_lambda: float = 1.0
    max_bin: int = 1024
    most_levels_by_sets: int = MOST_LEVELS_BY_SETS
    max_cat_to_onehot: int = 32

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError("folds must be at least 2")

    def bins(self, records: int) -> int:
        """Most bins of a column for this number of records."""
        return min(self.max_bin, max(COARSE_BINS, records // RECORDS_IN_A_BIN))

    def parameters(self, records: int) -> dict[str, Any]:
        """The settings of XGBoost, for this number of records."""
        named = {name: setting for name, setting in asdict(self).items() if name not in OWN_SETTINGS}
        return {**named, "max_bin": self.bins(records)}


def settings_of(card: Mapping[str, Any]) -> XGBoostSettings:
    """The settings that a model card states. Cards from before trees split sets of levels mean rates for all categories."""
    return XGBoostSettings(**{"most_levels_by_sets": 0, **card["training"]["settings"]})


OWN_SETTINGS = ("folds", "repeats", "max_rounds", "early_stopping_rounds", "most_levels_by_sets")
"""Settings that XGBoost does not have."""


@dataclass(frozen=True, slots=True)
class TrainedTrees:
    """The averaged booster, how many rounds each of its parts kept, and the losses on the way.

    `held_out_margins`, float32 (n,) in log-odds, are those of boosters that were not trained on the record.
    `learning_curve` holds mean log losses in nats by round.
    """

    booster: xgboost.Booster
    rounds: tuple[int, ...]
    held_out_margins: NDArray[np.float32]
    learning_curve: dict[str, list[float]]


@dataclass(frozen=True)
class XGBoostTrainer:
    """Fits boosters that differ in their seed and in the fold that they leave out, and averages their log-odds.

    In each repeat, all boosters but one are trained on a record. That one stops growing when the record's fold no longer
    improves. No class is reweighted or resampled: that would distort the probabilities. Bins are fine where frauds are (see
    `class_weights`), because coarse bins cost average precision on skewed amounts. `workers` grow the boosters, with a
    thread for each; without them, `threads` of this process do. The result is the same. If `workers` grow large boosters
    `together`, each has a share of the records, and the result differs: see `boosters.together`. It also differs on another
    `device`.
    """

    settings: XGBoostSettings
    seed: int
    threads: int = 0
    workers: Workers | None = None
    together: bool = False
    device: Device = "cpu"

    def fit(
        self, data: Dataset, *, monotone: tuple[int, ...] = (), on_progress: Progress = lambda _share: None
    ) -> TrainedTrees:
        """Trees from a dataset. `monotone` holds -1, 0 or 1 for each column of its matrix.

        The same data, settings and seed give the same trees, whatever the number of threads.
        """
        parts: list[Part] = []
        reports = shares(on_progress, self.settings.repeats * self.settings.folds)
        for repeat in range(self.settings.repeats):
            folds = cross_fitting_folds(data, self.settings.folds, seed=self.seed + repeat)
            first = repeat * self.settings.folds
            parts += self._grown(data, folds, list(range(self.settings.folds)), first, monotone, reports)
        on_progress(1.0)
        return TrainedTrees(
            booster=average_boosters([part.booster for part in parts]),
            rounds=tuple(part.kept for part in parts),
            held_out_margins=_held_out(parts, len(data), self.settings.repeats),
            learning_curve=_learning_curve(parts),
        )

    def held_out_losses(
        self, data: Dataset, fold: int, *, monotone: tuple[int, ...] = (), on_progress: Progress = lambda _share: None
    ) -> NDArray[np.float64]:
        """The log loss of each record of a fold, float64 (k,) in nats, by a booster of the others."""
        folds = cross_fitting_folds(data, self.settings.folds, seed=self.seed)
        (part,) = self._grown(data, folds, [fold], 0, monotone, [on_progress] * self.settings.folds)
        return log_losses(part.margins, data.is_fraud[part.held_out])

    def _grown(
        self,
        data: Dataset,
        folds: NDArray[np.int64],
        left_out: list[int],
        first: int,
        monotone: tuple[int, ...],
        reports: Sequence[Progress],
    ) -> list[Part]:
        """The boosters that leave out those folds; `first` is the number of the first fold's booster, for its seed."""
        together = self.together and len(data) > ROWS_SIDE_BY_SIDE
        if self.workers is not None and not together:
            data = data.compact()  # what other processes get should be no more than they need
        at_once = min(self.thread_count, len(left_out)) if len(data) <= ROWS_SIDE_BY_SIDE else 1
        own = self.workers is None
        by_sets = split_by_sets(data, self.settings.most_levels_by_sets)
        encoded = Encoded(data, cross_fitted_tables(data, folds, by_sets), folds, by_sets)
        stop = Stop()

        def report(fold: int, share: float) -> None:
            stop.ends(reports[first + fold])(share)

        growing = Growing(
            encoded,
            self._parameters(encoded, monotone, threads=self.thread_count // at_once if own else 1),
            self.settings.max_rounds,
            self.settings.early_stopping_rounds,
            first_seed=self.seed * 1000 + first,
            threads=self.thread_count if own else 1,
            on_progress=report if own else None,
        )
        if together and self.workers is not None:
            return grown_together(growing, left_out, self.workers)
        here = Threads(at_once) if at_once > 1 else ThisProcess()
        done: dict[int, Part] = {}
        with (self.workers or here).pool(growing) as pool, stop:
            for fold, future in results(pool, left_out[::-1]):
                done[fold] = future.result()
                reports[first + fold](1.0)
        return [done[fold] for fold in left_out]

    def _parameters(self, encoded: Encoded, monotone: tuple[int, ...], *, threads: int) -> dict[str, Any]:
        data, free = encoded.data, (0,) * (len(encoded.types) - len(monotone))
        fixed = {"objective": "binary:logistic", "tree_method": "hist", "disable_default_eval_metric": 1}
        constraints = {"monotone_constraints": monotone + free} if any(monotone) else {}
        own = {"base_score": data.base_rate, "nthread": threads, "device": self.device}
        return {**self.settings.parameters(len(data)), **fixed, **constraints, **own}

    @property
    def thread_count(self) -> int:
        """How many threads `threads` stands for."""
        return self.threads or int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count() or 1


def _held_out(parts: list[Part], count: int, repeats: int) -> NDArray[np.float32]:
    total = np.zeros(count, dtype=np.float64)
    for part in parts:
        total[part.held_out] += part.margins
    return (total / repeats).astype(np.float32)


def _learning_curve(parts: list[Part]) -> dict[str, list[float]]:
    """Means over the parts, up to the check that the shortest part reached."""
    checks = min(len(part.held_out_losses) for part in parts)
    return {
        "rounds": [1.0 + CHECK_EVERY * check for check in range(checks)],
        "train_log_loss": np.mean([part.train_losses[:checks] for part in parts], axis=0).tolist(),
        "held_out_log_loss": np.mean([part.held_out_losses[:checks] for part in parts], axis=0).tolist(),
    }


class Stop(AbstractContextManager[None]):
    """Once its block has failed, work in other threads ends where it next reports how far it is.

    Put it inside the block of the pool, which waits for its threads.
    """

    def __init__(self) -> None:
        self._failed = threading.Event()

    def ends(self, on_progress: Progress) -> Progress:
        """A progress that raises in place of reporting what nobody waits for any more."""

        def report(share: float) -> None:
            if self._failed.is_set():
                raise _Stopped
            on_progress(share)

        return report

    def __exit__(self, error: type[BaseException] | None, *_about: object) -> None:
        if error is not None:
            self._failed.set()


class _Stopped(Exception):
    """Nobody waits for the booster any more."""


def stages(on_progress: Progress, *efforts: float) -> list[Progress]:
    """A progress function for each stage of the work, by its share of the effort.

    >>> first, second = stages(print, 3, 1)
    >>> first(1.0), second(0.5)
    0.75
    0.875
    (None, None)
    """
    total, begins = sum(efforts), accumulate(efforts, initial=0.0)

    def stage(begin: float, effort: float) -> Progress:
        return lambda done: on_progress(begin / total + effort / total * done)

    return [stage(begin, effort) for begin, effort in zip(begins, efforts, strict=False)]


def shares(on_progress: Progress, count: int) -> list[Progress]:
    """A progress for each of `count` equal parts that may be worked on at once.

    >>> first, second = shares(print, 2)
    >>> first(0.5), second(0.5)
    0.25
    0.5
    (None, None)
    """
    done = [0.0] * count

    def part(number: int) -> Progress:
        def report(share: float) -> None:
            done[number] = share
            on_progress(sum(done) / count)

        return report

    return [part(number) for number in range(count)]


def average_boosters(boosters: Sequence[xgboost.Booster]) -> xgboost.Booster:
    """One booster whose margin is the mean of the margins of `boosters`, up to the rounding of leaves to float32.

    All must be binary-logistic tree boosters of one shape with the same `base_score`: each tree's leaves are divided by
    the number of boosters and the trees are joined. Raises ValueError where the base scores differ.
    """
    models = [msgspec.json.decode(booster.save_raw(raw_format="json")) for booster in boosters]
    merged = models[0]
    if len({model["learner"]["learner_model_param"]["base_score"] for model in models}) != 1:
        raise ValueError("only boosters of the same base_score can be averaged")
    trees = [tree for model in models for tree in model["learner"]["gradient_booster"]["model"]["trees"]]
    for number, tree in enumerate(trees):
        tree["id"] = number
        _divide_leaves(tree, len(models))
    replace_trees(merged, trees)
    merged["learner"]["attributes"] = {}
    return xgboost.Booster(model_file=bytearray(msgspec.json.encode(merged)))


def _divide_leaves(tree: dict[str, Any], count: int) -> None:
    """In XGBoost's JSON a node without a left child is a leaf, and its value is in the split conditions."""
    for node, left in enumerate(tree["left_children"]):
        tree["base_weights"][node] = float(np.float32(tree["base_weights"][node] / count))
        if left == NO_CHILD:
            tree["split_conditions"][node] = float(np.float32(tree["split_conditions"][node] / count))
