"""Tuner: the settings, and the ratios of columns, that do best on the folds."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from fraud_detection_api.contract.declaration import Contract, Derived
from fraud_detection_api.contract.windows import Measure
from fraud_detection_api.contract.wording import COLUMN_NAME_LENGTH, Reason
from fraud_detection_api.services.workers.pool import Pool, ThisProcess, Workers
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.splits import Split
from fraud_detection_api.training.evaluate import score_dataset
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.recipes import Changes
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.objective import Objective
from fraud_detection_api.training.tuning.study import finished, open_study, study_digest

MOST_CANDIDATES = 100


def candidate_ratios(contract: Contract) -> dict[str, Derived]:
    """The ratio of each two numeric columns of the same unit, by name; at most the first MOST_CANDIDATES.

    Trees need many splits to express a ratio, such as the used share of a limit. Ratios that the contract has already are
    left out. So are features without a unit, because it is not known what they can be divided by. History features have that
    of what they measure.
    """
    formulas = {derived.formula for derived in contract.derived.values()}
    units = {name: unit for name, unit in _units(contract).items() if unit}
    pairs = [(one, other) for one, other in combinations(units, 2) if units[one] == units[other]]
    found = {f"{one} / {other}"[:COLUMN_NAME_LENGTH]: _ratio(one, other) for one, other in pairs}
    taken = {*contract.features, *contract.history, *contract.derived}
    new = {name: ratio for name, ratio in found.items() if name not in taken and ratio.formula not in formulas}
    return dict(list(new.items())[:MOST_CANDIDATES])


def _units(contract: Contract) -> dict[str, str]:
    """The unit of each numeric column; empty where it is not known."""
    units = {name: each.unit for name, each in contract.features.items() if each.dtype in ("int", "float")}
    for name, each in contract.history.items():
        units[name] = each.unit or _MEASURED_IN.get(each.measure) or units.get(each.of or "", "")
    return units


_MEASURED_IN: Mapping[Measure, str] = {
    "count": "events",
    "distinct": "values",
    "share_fraud": "share",
    "since_last": "seconds",
    "since_first": "seconds",
}
"""The units of measures that do not have that of their column."""


def with_ratios(contract: Contract, ratios: Mapping[str, Derived], chosen: Iterable[str]) -> Contract:
    """The contract with the chosen ratios after its own derived features."""
    document = contract.as_json()
    added = {name: ratios[name].model_dump(mode="json", exclude_defaults=True) for name in chosen}
    declared: Any = document.get("derived", {})
    # a copy would keep the original's cached fingerprint
    return Contract.model_validate({**document, "derived": {**declared, **added}})


def _ratio(one: str, other: str) -> Derived:
    code = re.sub(r"[^A-Z0-9]+", "_", f"{one}_TO_{other}".upper()).strip("_")
    return Derived(
        formula=f"`{one}` / `{other}`",
        description=f"{one} as a multiple of {other}.",
        unit="times",
        reason=Reason(code=f"RATIO_{code}"[:64], text=f"{one} is {{value}} times {other}"[:200]),
    )


def contract_for_tuning(contract: Contract) -> Contract:
    """The contract with every candidate ratio, with which the data for tuning is loaded."""
    ratios = candidate_ratios(contract)
    return with_ratios(contract, ratios, ratios)


RATIO_COUNTS = (0, 6, 12, 24)


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """How far a study is: finished trials, requested trials, and the best value so far."""

    finished: int
    trials: int
    best_value: float | None


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a study found: settings, and a contract with the chosen ratios. `summary` is a JSON value for the card.

    `defaults` are the settings of the first trial.
    """

    contract: Contract
    settings: XGBoostSettings
    defaults: XGBoostSettings
    summary: dict[str, Any]


@dataclass(frozen=True)
class Tuner:
    """Searches with multivariate TPE, beginning with `defaults` and `recipes`; trials that fall behind are stopped.

    The study is stored in the SQLite file `path` and continues from there after a kill. `at_once` trials run at the same
    time; one at a time, the same seed gives the same result. The folds of trials are measured by `workers`, and who does it
    does not change a value. Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011; for the
    multivariate one Falkner, Klein and Hutter, "BOHB", ICML 2018.
    """

    path: Path
    objective: Objective = field(default_factory=Objective)
    seed: int = 7
    at_once: int = 1
    threads: int = 0
    workers: Workers = field(default_factory=ThisProcess)
    defaults: XGBoostSettings = field(default_factory=XGBoostSettings)
    recipes: Sequence[Changes] = ()

    def tune(
        self,
        data: Dataset,
        folds: Sequence[Split],
        *,
        contract: Contract,
        trials: int,
        timeout_seconds: float | None = None,
        on_progress: Callable[[TuningProgress], None] = lambda _progress: None,
    ) -> Tuned:
        """Run until `trials` of the study are finished; start none after `timeout_seconds`.

        `data` follows `contract_for_tuning(contract)`; `folds` are of its records. At least one trial is finished.
        Raises StudyUnavailable.
        """
        problem = self._problem(data, folds)
        space = search_space(data)
        first, *others = (
            {name: getattr(settings, name) for name in space} | {"ratios": 0}
            for settings in (self.defaults, *(replace(self.defaults, **changes) for changes in self.recipes))
        )
        formerly = {"contract": data.contract.former_fingerprint}
        with open_study(self.path, problem, seed=self.seed, first=[first, *others], formerly=formerly) as study:
            ranking = self._ranked_ratios(study, data, folds, contract)
            ends = None if timeout_seconds is None else monotonic() + timeout_seconds
            measuring = _Measuring(
                self.objective, self.seed, self.threads, data, tuple(folds), contract, tuple(ranking)
            )
            run = _Run(self, study, measuring, first, space)

            def stop_or_report(study: optuna.Study, _trial: FrozenTrial) -> None:
                done = finished(study)
                on_progress(TuningProgress(len(done), trials, _best_value(done)))
                if len(done) >= trials or (ends is not None and monotonic() >= ends):
                    study.stop()

            if before := finished(study):
                on_progress(TuningProgress(len(before), trials, _best_value(before)))
            if len(before) < trials:
                with self.workers.pool(measuring) as pool:
                    study.optimize(partial(run.objective, pool), n_jobs=self.at_once, callbacks=[stop_or_report])
            return run.result()

    def _problem(self, data: Dataset, folds: Sequence[Split]) -> dict[str, Any]:
        sizes = [[len(fold.train), len(fold.test), int(fold.test.sum())] for fold in folds]
        return {
            "data": data.digest,
            "contract": data.contract.fingerprint,
            "folds": sizes,
            "objective": asdict(self.objective),
            "defaults": asdict(self.defaults),
            "recipes": [dict(changes) for changes in self.recipes],
            "seed": self.seed,
        }

    def _ranked_ratios(
        self, study: optuna.Study, data: Dataset, folds: Sequence[Split], contract: Contract
    ) -> list[str]:
        """Names of the candidate ratios, the most useful first, by total gain in one training on the earliest fold."""
        if (known := study.user_attrs.get("ratios")) is not None:
            return list(known)
        names = list(candidate_ratios(contract))
        if names:
            fitter = ScorerFitter(replace(self.defaults, folds=2, repeats=1), self.seed, self.threads)
            trees = fitter.fit(data.take(folds[-1].train)).trees
            gain: Mapping[str, Any] = trees.booster.get_score(importance_type="total_gain")
            names.sort(key=lambda name: -gain.get(f"f{data.records.position(name)}", 0.0))
        study.set_user_attr("ratios", names)
        return names


Space = Mapping[str, Callable[[Trial, str], Any]]
"""How the value of each setting is drawn."""

SEARCH_SPACE: Space = {
    "max_depth": lambda trial, name: trial.suggest_int(name, 2, 8),
    "learning_rate": lambda trial, name: trial.suggest_float(name, 0.03, 0.12, log=True),
    "min_child_weight": lambda trial, name: trial.suggest_float(name, 0.1, 20, log=True),
    "subsample": lambda trial, name: trial.suggest_float(name, 0.4, 1.0),
    "colsample_bytree": lambda trial, name: trial.suggest_float(name, 0.3, 1.0),
    "reg_lambda": lambda trial, name: trial.suggest_float(name, 0.1, 30, log=True),
}

OF_CATEGORIES: Space = {
    "most_levels_by_sets": lambda trial, name: trial.suggest_categorical(name, [0, 8, 32, 128]),
    "max_cat_to_onehot": lambda trial, name: trial.suggest_categorical(name, [1, 8, 32, 128]),
}


def search_space(data: Dataset) -> Space:
    """The settings that are searched over for these records."""
    return {**SEARCH_SPACE, **OF_CATEGORIES} if data.records.levels else SEARCH_SPACE


class _Asked(NamedTuple):
    """What is measured: settings, and so many of the most useful ratios, on the fold of that number."""

    settings: XGBoostSettings
    ratios: int
    fold: int


@dataclass(frozen=True)
class _Measuring:
    """Trains without a fold and measures on it. Opens in another process."""

    objective: Objective
    seed: int
    threads: int
    data: Dataset
    folds: tuple[Split, ...]
    contract: Contract
    ranking: tuple[str, ...]

    def __call__(self) -> Callable[[_Asked], float]:
        return self.value

    def value(self, asked: _Asked) -> float:
        """The objective on the fold."""
        data, fold = self.data.following(self.contract_with(asked.ratios)), self.folds[asked.fold]
        test = data.take(fold.test)
        fitted = ScorerFitter(asked.settings, self.seed, self.threads).fit(data.take(fold.train))
        _margins, probability = score_dataset(fitted.scorer, test)
        return self.objective.value(test.is_fraud, probability)

    def contract_with(self, ratios: int) -> Contract:
        """The contract with so many of the most useful ratios."""
        return with_ratios(self.contract, candidate_ratios(self.contract), self.ranking[:ratios])


@dataclass(frozen=True)
class _Run:
    """The work of one process on a study."""

    tuner: Tuner
    study: optuna.Study
    measuring: _Measuring
    first: Mapping[str, Any]
    space: Space

    def objective(self, pool: Pool[_Asked, float], trial: Trial) -> float:
        """Mean over the folds. Raises TrialPruned where it falls behind other trials after the same folds."""
        settings = replace(self.tuner.defaults, **{name: suggest(trial, name) for name, suggest in self.space.items()})
        most = len(self.measuring.ranking)
        counts = [count for count in RATIO_COUNTS if count <= most]
        ratios = int(trial.suggest_categorical("ratios", sorted({*counts, min(most, RATIO_COUNTS[-1])})))
        values: list[float] = []
        for number in range(len(self.measuring.folds)):
            values.append(pool.submit(_Asked(settings, ratios, number)).result())
            trial.report(float(np.mean(values)), number)
            # the default is always measured completely, because the best is compared with it
            if number + 1 < len(self.measuring.folds) and trial.params != self.first and trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("fold_values", values)
        return float(np.mean(values))

    def result(self) -> Tuned:
        """The contract and settings of the best trial; of equal trials, of the earliest."""
        done = finished(self.study)
        measured = [trial for trial in done if trial.state == TrialState.COMPLETE]
        best = max(measured, key=lambda trial: (trial.value, -trial.number))
        chosen = {name: best.params[name] for name in self.space}
        contract = self.measuring.contract_with(best.params["ratios"])
        added = [name for name in contract.derived if name not in self.measuring.contract.derived]
        summary = {
            "study": self.tuner.path.name,
            "digest": study_digest(self.study),
            "trials": len(done),
            "objective": self.tuner.objective.text,
            "default_value": next((t for t in measured if t.params == self.first), measured[0]).value,
            "best_value": best.value,
            "settings": {**chosen, "ratios": len(added)},
            "ratios": added,
            "history": [
                {"trial": t.number, "value": t.value if t.state == TrialState.COMPLETE else None} for t in done
            ],
            "importance": _importance(self.study, measured),
        }
        return Tuned(contract, replace(self.tuner.defaults, **chosen), self.tuner.defaults, summary)


def _best_value(trials: Sequence[FrozenTrial]) -> float | None:
    return max((t.value for t in trials if t.state == TrialState.COMPLETE and t.value is not None), default=None)


def _importance(study: optuna.Study, measured: Sequence[FrozenTrial]) -> dict[str, float]:
    """Share of the objective's variance that each parameter explains; empty where trials are too few or all equal.

    Source: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014.
    """
    if len(measured) < MIN_TRIALS_FOR_IMPORTANCE or len({trial.value for trial in measured}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


MIN_TRIALS_FOR_IMPORTANCE = 8
