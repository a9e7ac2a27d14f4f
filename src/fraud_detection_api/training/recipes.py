"""Which of a few strong recipes suits the records: quick boosters race on folds of the cross-fitting.

What was measured: docs/decisions/0042.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.services.workers.pool import Threads, results
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import MIN_FRAUDS, cross_fitting_folds
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.train_xgboost import Progress, XGBoostSettings, stages

Changes = Mapping[str, Any]
"""Settings that differ from the given ones."""

SAMPLED: Changes = {"subsample": 0.7, "colsample_bytree": 0.5}

RECIPES: Mapping[str, Changes] = {
    "depth 4": {"max_depth": 4},
    "depth 4, sampled": {"max_depth": 4, **SAMPLED},
    "depth 6": {"max_depth": 6},
    "depth 6, sampled": {"max_depth": 6, **SAMPLED},
}
"""In the order in which equal ones are preferred."""

MORE_RECIPES: Mapping[str, Changes] = {
    **RECIPES,
    "depth 3": {"max_depth": 3},
    "depth 8": {"max_depth": 8},
    "depth 6, strong penalty": {"max_depth": 6, "reg_lambda": 5.0, **SAMPLED},
}

EffortName = Literal["quick", "default", "high"]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a training tries: the recipes that race, whether the model is refitted on all records, and settings."""

    recipes: Mapping[str, Changes] = field(default_factory=dict)
    refit: bool = True
    changes: Changes = field(default_factory=dict)


EFFORTS: Mapping[EffortName, Effort] = {
    "quick": Effort(refit=False),
    "default": Effort(RECIPES),
    "high": Effort(MORE_RECIPES, changes={"learning_rate": 0.03, "repeats": 2}),
}

QUICK: Changes = {"learning_rate": 0.1}
"""Settings of the race: what is best with them is best with slower learning, too."""

MOST_RECORDS = 60_000
"""More records would not change the order of recipes that differ noticeably."""

FIRST, SECOND = 0, 1
"""Folds on which all recipes are measured, and then the better half."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A recipe in a race: its mean log loss in nats on the held-out records of so many folds."""

    name: str
    log_loss: float
    folds: int

    def as_json(self) -> dict[str, Any]:
        return {"recipe": self.name, "log_loss": self.log_loss, "folds": self.folds}


@dataclass(frozen=True, slots=True)
class Race:
    """The settings of the best recipe, and all recipes, the best first."""

    settings: XGBoostSettings
    runners: tuple[Runner, ...]


def race(
    fitter: ScorerFitter, data: Dataset, recipes: Mapping[str, Changes], *, on_progress: Progress = lambda _share: None
) -> Race:
    """Measure `recipes` on one fold and the better half on a second one; the lowest log loss wins.

    The same records, seed and settings give the same race, whatever the number of threads. With too few records of a
    class, there is no race, and the first recipe is taken.
    """
    some = _some(data, seed=fitter.seed)
    rarer = min(int(some.is_fraud.sum()), int((~some.is_fraud).sum()))
    settings = {name: replace(fitter.settings, **changes) for name, changes in recipes.items()}
    if rarer < MIN_FRAUDS * fitter.settings.folds:
        return Race(next(iter(settings.values())), ())
    on_first, on_second = stages(on_progress, 2, 1)
    first = _losses(fitter, some, settings, FIRST, on_first)
    by_first = sorted(first, key=lambda name: first[name].mean())
    finalists = by_first[: (len(by_first) + 1) // 2]
    second = _losses(fitter, some, {name: settings[name] for name in finalists}, SECOND, on_second)
    both = {name: float(np.append(first[name], second[name]).mean()) for name in finalists}
    ranked = [Runner(name, both[name], 2) for name in sorted(both, key=lambda name: both[name])]
    ranked += [Runner(name, float(first[name].mean()), 1) for name in by_first[len(finalists) :]]
    return Race(settings[ranked[0].name], tuple(ranked))


def _losses(
    fitter: ScorerFitter, data: Dataset, settings: Mapping[str, XGBoostSettings], fold: int, on_progress: Progress
) -> dict[str, NDArray[np.float64]]:
    """Each recipe's losses of the fold's records. Recipes share the threads, as few records keep one busy and no more."""
    sent = data if fitter.workers is None else data.compact()
    measuring = _Measuring(replace(fitter, threads=1, workers=None), sent, fold)
    found: dict[str, NDArray[np.float64]] = {}
    with (fitter.workers or Threads(fitter.thread_count)).pool(measuring) as pool:
        for (name, _), future in results(pool, list(settings.items())[::-1]):
            found[name] = future.result()
            on_progress(len(found) / len(settings))
    return {name: found[name] for name in settings}


@dataclass(frozen=True)
class _Measuring:
    """Measures recipes on a fold. Opens in another process."""

    fitter: ScorerFitter
    data: Dataset
    fold: int

    def __call__(self) -> Callable[[tuple[str, XGBoostSettings]], NDArray[np.float64]]:
        return self._losses

    def _losses(self, recipe: tuple[str, XGBoostSettings]) -> NDArray[np.float64]:
        quick = replace(self.fitter, settings=replace(recipe[1], **QUICK))
        return quick.held_out_losses(self.data, self.fold)


def _some(data: Dataset, *, seed: int) -> Dataset:
    """All records, or a part of at most about MOST_RECORDS with the same share of fraud."""
    parts = -(-len(data) // MOST_RECORDS)
    return data if parts == 1 else data.take(cross_fitting_folds(data, parts, seed=seed) == 0)
