"""Searches for settings: this product's, and Optuna's over the other libraries, each with the same processor time."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any, TypeAlias

import numpy as np
import optuna
from optuna.trial import BaseTrial, FixedTrial, Trial

from benchmarks.protocols import Protocol
from benchmarks.rivals import SEED, THREADS, Rival, catboost_pool, numbered, ours
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import Split
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.recipes import RECIPES, race
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.objective import Objective
from fraud_detection_api.training.tuning.tune import Tuner

Search: TypeAlias = Callable[[Protocol, Dataset, Sequence[Split], float], tuple[Dataset, Rival]]
"""From a protocol, the records that may be tuned on, their folds, and processor seconds: columns to use, and a model."""

MOST_ROUNDS = 3_000
PATIENCE = 50


def tuned_ours(protocol: Protocol, data: Dataset, folds: Sequence[Split], seconds: float) -> tuple[Dataset, Rival]:
    """What `fraud tune` does; `data` has every candidate ratio."""
    assert protocol.tuned_for is not None
    plain = data.following(protocol.contract)
    ends = process_time() + seconds
    default = race(ScorerFitter(XGBoostSettings(), SEED, THREADS), plain, RECIPES).settings
    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(
            Path(folder) / "study.db",
            Objective(protocol.tuned_for),
            SEED,
            threads=THREADS,
            defaults=default,
            recipes=tuple(RECIPES.values()),
        )
        trials = 0
        while True:  # a study goes on where it was; its own limit counts the clock's seconds
            trials += 1
            tuned = tuner.tune(data, folds, contract=protocol.contract, trials=trials)
            if process_time() >= ends:
                return data.following(tuned.contract), ours(tuned.settings)


@dataclass(frozen=True)
class Library:
    """A library under Optuna: what is drawn, and how a model is fitted.

    `fit` gets the drawn settings, a training part, and a part to stop on or the number of rounds; it gives the rounds and
    the probabilities of the last part.
    """

    draw: Callable[[BaseTrial], dict[str, Any]]
    first: dict[str, Any]
    fit: Callable[[dict[str, Any], Dataset, Dataset, int | None], tuple[int, np.ndarray[Any, Any]]]

    def search(
        self, protocol: Protocol, data: Dataset, folds: Sequence[Split], seconds: float
    ) -> tuple[Dataset, Rival]:
        """TPE from the library's own defaults; each trial stops early on the folds, the winner takes their mean rounds."""
        assert protocol.tuned_for is not None
        objective, plain = Objective(protocol.tuned_for), data.following(protocol.contract)
        ends = process_time() + seconds

        def value(trial: Trial) -> float:
            settings, values, rounds = self.draw(trial), list[float](), list[int]()
            for number, fold in enumerate(folds):
                test = plain.take(fold.test)
                best, probability = self.fit(settings, plain.take(fold.train), test, None)
                values.append(objective.value(test.is_fraud, probability.astype(np.float64)))
                rounds.append(best)
                trial.report(float(np.mean(values)), number)
                if number + 1 < len(folds) and trial.should_prune():
                    raise optuna.TrialPruned
            trial.set_user_attr("rounds", int(np.mean(rounds)))
            return float(np.mean(values))

        def stop(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
            if process_time() >= ends:
                study.stop()

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=SEED, multivariate=True)
        study = optuna.create_study(direction="maximize", sampler=sampler, pruner=optuna.pruners.MedianPruner())
        study.enqueue_trial(self.first)
        study.optimize(value, callbacks=[stop])
        best = study.best_trial
        settings, rounds = self.draw(FixedTrial(best.params)), best.user_attrs["rounds"]
        return plain, lambda train, test: {"probability": self.fit(settings, train, test, rounds)[1]}


def _drawn_lightgbm(trial: BaseTrial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, 200, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "subsample": trial.suggest_float("subsample", 0.4, 1.0),
        "subsample_freq": 1,
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1, 200, log=True),
        "max_bin": trial.suggest_categorical("max_bin", [255, 1023, 4095]),
    }


def _fit_lightgbm(
    settings: dict[str, Any], train: Dataset, test: Dataset, rounds: int | None
) -> tuple[int, np.ndarray[Any, Any]]:
    from lightgbm import LGBMClassifier, early_stopping  # noqa: PLC0415 the group `benchmark` alone has it

    fitting, measuring, categories = numbered(train, test)
    most = MOST_ROUNDS if rounds is None else rounds
    model = LGBMClassifier(**settings, n_estimators=most, random_state=SEED, n_jobs=THREADS, verbose=-1)
    stops = {
        "eval_set": [(measuring, test.is_fraud)],
        "eval_metric": "binary_logloss",
        "callbacks": [early_stopping(PATIENCE, verbose=False)],
    }
    model.fit(fitting, train.is_fraud, categorical_feature=categories, **(stops if rounds is None else {}))
    return model.best_iteration_ or most, model.predict_proba(measuring)[:, 1]


def _drawn_catboost(trial: BaseTrial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "depth": trial.suggest_int("depth", 3, 8),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1, 30, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.1, 10, log=True),
        "bagging_temperature": trial.suggest_float("bagging_temperature", 0, 1),
        "border_count": trial.suggest_categorical("border_count", [254, 1024, 4096]),
    }


def _fit_catboost(
    settings: dict[str, Any], train: Dataset, test: Dataset, rounds: int | None
) -> tuple[int, np.ndarray[Any, Any]]:
    from catboost import CatBoostClassifier  # noqa: PLC0415 the group `benchmark` alone has it

    fitting, measuring, categories = numbered(train, test)
    most = MOST_ROUNDS if rounds is None else rounds
    fixed = {"random_seed": SEED, "thread_count": THREADS, "verbose": 0, "allow_writing_files": False}
    model = CatBoostClassifier(**settings, iterations=most, **fixed)
    held = catboost_pool(measuring, categories, test.is_fraud)
    stops = {"eval_set": held, "early_stopping_rounds": PATIENCE} if rounds is None else {}
    model.fit(catboost_pool(fitting, categories, train.is_fraud), **stops)
    return model.tree_count_, model.predict_proba(held)[:, 1]


SEARCHES: dict[str, Search] = {
    "fraud-detection-api": tuned_ours,
    "LightGBM": Library(
        _drawn_lightgbm,
        {
            "learning_rate": 0.1,
            "num_leaves": 31,
            "min_child_samples": 20,
            "colsample_bytree": 1.0,
            "subsample": 1.0,
            "reg_lambda": 1e-3,
            "cat_smooth": 10,
            "max_bin": 255,
        },
        _fit_lightgbm,
    ).search,
    "CatBoost": Library(
        _drawn_catboost,
        {
            "learning_rate": 0.05,
            "depth": 6,
            "l2_leaf_reg": 3,
            "random_strength": 1,
            "bagging_temperature": 1,
            "border_count": 254,
        },
        _fit_catboost,
    ).search,
}
