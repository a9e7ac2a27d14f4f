"""A study on disk: trials survive the process, however it ends, and one process at a time uses it."""

import fcntl
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from fraud_detection_api.errors import FraudError

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_PROBLEM = "problem"
_LOCK_TIMEOUT_SECONDS = 60


class StudyUnavailable(FraudError):
    """The file of a tuning study cannot be used."""

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(f"study {source}: {detail}")
        self.source = source


@contextmanager
def open_study(
    path: Path,
    problem: Mapping[str, Any],
    *,
    seed: int,
    first: Sequence[Mapping[str, Any]],
    formerly: Mapping[str, Any] = {},
) -> Iterator[optuna.Study]:
    """The study in the SQLite file at `path`, created if missing and locked for this process while the block runs.

    `problem` (a JSON value) states what is tuned; a file holds the study of one problem only. `formerly` are parts of it as
    earlier releases stated them. `first` are the parameters of the first trials. Trials that a killed process was running
    are repeated. Raises StudyUnavailable.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _held(path):
        study = _load(path, problem, formerly, seed)
        if not study.trials:
            for parameters in first:
                study.enqueue_trial(dict(parameters), skip_if_exists=True)
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)
        try:
            yield study
        except Exception as error:
            if _is_of_storage(error):
                fix = "it has the finished trials, and the same command continues from there"
                raise StudyUnavailable(str(path), f"can no longer be written: is the disk full? {fix}") from error
            raise


def _is_of_storage(error: BaseException | None) -> bool:
    """Whether SQLAlchemy's error caused this one: Optuna may raise another error because of it."""
    while error is not None:
        if isinstance(error, SQLAlchemyError | optuna.exceptions.StorageInternalError):
            return True
        error = error.__cause__ or error.__context__
    return False


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that were measured, or stopped because they fell behind, in order."""
    return study.get_trials(states=FINISHED)


def study_digest(study: optuna.Study) -> str:
    """Digest of the problem, and of the parameters and value of every finished trial."""
    trials = [[t.number, t.params, t.value if t.state == TrialState.COMPLETE else None] for t in finished(study)]
    content = json.dumps([study.user_attrs[_PROBLEM], trials], sort_keys=True)
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def _load(path: Path, problem: Mapping[str, Any], formerly: Mapping[str, Any], seed: int) -> optuna.Study:
    try:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path.resolve()}",
            engine_kwargs={"connect_args": {"timeout": _LOCK_TIMEOUT_SECONDS, "isolation_level": None}},
        )
        # SQLite has no SELECT FOR UPDATE: without the write lock from the start, two workers would take the same trial
        sqlalchemy.event.listen(
            storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
        study = optuna.create_study(storage=storage, study_name="fraud", direction="maximize", load_if_exists=True)
    except Exception as error:  # SQLAlchemy and Optuna raise various errors for a file that is not a study
        problem_text = f"cannot be used as a study ({type(error).__name__}); name another file"
        raise StudyUnavailable(str(path), problem_text) from error
    stated = json.loads(json.dumps(problem))
    known = study.user_attrs.get(_PROBLEM, stated)
    if known not in (stated, {**stated, **formerly}):
        differing = ", ".join(key for key in stated if known.get(key) != stated[key])
        raise StudyUnavailable(
            str(path), f"holds the study of another problem (it differs in {differing}); name another file"
        )
    study.set_user_attr(_PROBLEM, stated)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # a resumed study needs another seed, or it would draw the same parameters again
        study.sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed + len(study.trials))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5)
    return study


@contextmanager
def _held(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        raise StudyUnavailable(str(path), f"cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StudyUnavailable(str(path), "another process uses this study; wait, or name another file") from None
        yield
