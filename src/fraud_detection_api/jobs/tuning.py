"""Search for better settings and for ratios of columns, then train a model with the best."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fraud_detection_api.container.registry import MLFLOW
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.jobs.listener import Bar, Listener, says_if_interrupted
from fraud_detection_api.jobs.registering import Destination, Registration
from fraud_detection_api.jobs.training import TrainingOptions, require_meaning
from fraud_detection_api.policy.outcomes import Policy, load_policy
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.groups import load_groups
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.data.splits import PrequentialSettings, Split, hold_out, validation_folds
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter
from fraud_detection_api.training.policies import with_records_a_day
from fraud_detection_api.training.recipes import RECIPES, race
from fraud_detection_api.training.report.learning import verdict_text
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.objective import Objective
from fraud_detection_api.training.tuning.tune import Tuned, Tuner, TuningProgress, contract_for_tuning
from fraud_detection_api.training.tuning.verdict import Candidate, judge


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """A study: its file and objective, its limits, how many trials run at once and where, and the folds of its trials."""

    file: Path
    objective: Objective
    trials: int
    timeout_seconds: float | None
    at_once: int
    workers: Workers
    folds: PrequentialSettings


def study_file(settings: Settings, records: Path) -> Path:
    """Where the study of a file of records is: beside the registry's folder, as studies of other records are others.

    >>> study_file(Settings(registry="models/loans-registry"), Path("data/loans.csv")).as_posix()
    'models/loans-study.db'
    """
    folder = Path() if settings.registry.startswith(MLFLOW) else Path(settings.registry).parent
    return folder / f"{records.stem}-study.db"


def tune_model(
    settings: Settings, options: TrainingOptions, *, study: StudyOptions, registration: Registration, listener: Listener
) -> FittedModel:
    """Tune on the records that are not held out, then train with the best. Raises StudyUnavailable, and as `train_model`."""
    goal = Destination.open(settings, registration, listener)
    costs = Policy() if options.policy_file is None else load_policy(options.policy_file)
    contract = load_contract(settings.contract or CREDIT)
    windows = study.folds
    require_meaning(
        contract,
        leave_out_known=options.split.leave_out_known,
        train_days=windows.train_days,
        test_days=windows.test_days,
        stride_days=windows.stride_days,
        delay_days=options.split.delay_days,
    )
    goal.require_welcome(contract)
    dataset = load_dataset(
        options.file, contract_for_tuning(contract), separator=options.separator, workers=options.workers
    )
    groups = load_groups(options.groups_file, contract, records=options.file, separator=options.separator)
    # an incomplete policy is an error now, not after hours of tuning
    costs = with_records_a_day(costs, dataset, options.deployed_base_rate, source=str(options.policy_file))
    split = hold_out(dataset, options.split, seed=options.seed)
    known = dataset.take(split.train)
    folds = validation_folds(known, windows, seed=options.seed)
    threads = _threads(study, on_cluster=options.workers is not None)
    tuned = _search(study, known, folds, contract=contract, seed=options.seed, threads=threads, listener=listener)
    tuned = _judged(tuned, study.objective, dataset, split, contract=contract, seed=options.seed, listener=listener)
    fitter = ModelFitter(
        goal.registry,
        options.seed,
        tuned.settings,
        options.split,
        deployed_base_rate=options.deployed_base_rate,
        policy=costs,
        any_contract=registration.allow_contract_change,
        refit=options.refit,
        workers=options.workers,
    )
    chosen, step = dataset.following(tuned.contract), "Training with the best settings"
    fitted = goal.fit(fitter, chosen, step, source=options.file.name, groups=groups, tuning=tuned.summary)
    return goal.establish(fitted)


def _threads(study: StudyOptions, *, on_cluster: bool) -> int:
    """How many threads a fold of a trial has: a task of a cluster has one processor."""
    if on_cluster:
        return 1
    return max(1, (os.cpu_count() or 1) // study.at_once) if study.at_once > 1 else 0


def _search(  # noqa: PLR0913 what is searched, and on what
    study: StudyOptions,
    known: Dataset,
    folds: Sequence[Split],
    *,
    contract: Contract,
    seed: int,
    threads: int,
    listener: Listener,
) -> Tuned:
    with listener.step("Choosing the default recipe") as progress:
        default = race(ScorerFitter(XGBoostSettings(), seed), known.following(contract), RECIPES, on_progress=progress)
    tuner = Tuner(
        path=study.file,
        objective=study.objective,
        seed=seed,
        at_once=study.at_once,
        workers=study.workers,
        defaults=default.settings,
        recipes=tuple(RECIPES.values()),
        threads=threads,
    )
    stopped = says_if_interrupted(listener, "stopped; finished trials are stored, and the same command continues")
    with stopped, listener.step(f"Tuning on {len(known):,} records") as progress:
        tuned = tuner.tune(
            known,
            folds,
            contract=contract,
            trials=study.trials,
            timeout_seconds=study.timeout_seconds,
            on_progress=lambda done: _report(progress, done),
        )
    found = tuned.summary
    values = f"{found['default_value']:.4f} with the defaults, {found['best_value']:.4f} with the best settings"
    listener.say(f"{found['objective']}: {values}")
    return tuned


def _judged(  # noqa: PLR0913 what is compared, and on what
    tuned: Tuned,
    objective: Objective,
    dataset: Dataset,
    split: Split,
    *,
    contract: Contract,
    seed: int,
    listener: Listener,
) -> Tuned:
    """The best settings or, where those are no better on the held-out records, the defaults."""
    if tuned.settings == tuned.defaults and tuned.contract.fingerprint == contract.fingerprint:
        listener.say("no trial was better than the defaults")
        return tuned
    default = Candidate(ScorerFitter(tuned.defaults, seed), dataset.following(contract))
    best = Candidate(ScorerFitter(tuned.settings, seed), dataset.following(tuned.contract))
    with listener.step("Comparing with the defaults on the held-out records") as progress:
        verdict = judge(default, best, split, objective, on_progress=progress)
    listener.say(verdict_text(verdict.as_json(), objective.text))
    summary = {**tuned.summary, "held_out": verdict.as_json()}
    if verdict.is_better:
        return replace(tuned, summary=summary)
    listener.say("the best settings are no better there, so the model is trained with the defaults")
    return Tuned(contract, tuned.defaults, tuned.defaults, summary)


def _report(bar: Bar, done: TuningProgress) -> None:
    best = "" if done.best_value is None else f", best so far {done.best_value:.4f}"
    text = f"{done.finished} of {done.trials} trials are finished{best}"
    bar(min(1.0, done.finished / done.trials), text, milestone=True)
