"""A study outlives its process: finished trials stay, begun ones are tried again, and nobody else interferes."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import optuna
import pytest
from sqlalchemy.exc import OperationalError

from fraud_detection_api.training.tuning.study import StudyUnavailable, finished, open_study, study_digest

PROBLEM = {"data": "sha256:1", "objective": {"name": "roc_auc"}}
FIRST = {"x": 0.5}


def opened(path, problem=PROBLEM, first=FIRST):
    return open_study(path, problem, seed=1, first=[first])


def square(trial):
    return -(trial.suggest_float("x", 0, 1) ** 2)


def test_the_first_trial_is_the_one_that_is_given(tmp_path):
    with opened(tmp_path / "s.db") as study:
        study.optimize(square, n_trials=3)
        assert finished(study)[0].params == FIRST


def test_a_study_goes_on_where_it_was(tmp_path):
    with opened(tmp_path / "s.db") as study:
        study.optimize(square, n_trials=3)
        before = [(trial.number, trial.params, trial.value) for trial in finished(study)]
    with opened(tmp_path / "s.db") as study:
        study.optimize(square, n_trials=2)
        assert [(trial.number, trial.params, trial.value) for trial in finished(study)][:3] == before
        assert len(finished(study)) == 5


def test_a_resumed_study_does_not_draw_what_it_drew(tmp_path):
    for _ in range(2):
        with opened(tmp_path / "s.db") as study:
            study.optimize(square, n_trials=3)
    drawn = [trial.params["x"] for trial in finished(study)]
    assert len(set(drawn)) == len(drawn)


def test_two_workers_never_take_the_same_trial(tmp_path):
    with opened(tmp_path / "s.db") as study:
        for number in range(39):
            study.enqueue_trial({"x": number / 40})
        with ThreadPoolExecutor(2) as workers:
            taken = list(workers.map(lambda _: study.ask().number, range(40)))
        assert sorted(taken) == list(range(40))


def test_a_disk_that_fills_up_is_told_and_loses_no_finished_trial(tmp_path):
    def optimise_until_full(study):
        study.optimize(square, n_trials=2)
        try:
            raise OperationalError("INSERT", None, sqlite3.OperationalError("database or disk is full"))
        except OperationalError:
            raise AssertionError("Should not reach.") from None  # as Optuna stumbles over it

    with pytest.raises(StudyUnavailable, match="can no longer be written"), opened(tmp_path / "s.db") as study:
        optimise_until_full(study)
    with opened(tmp_path / "s.db") as study:
        assert len(finished(study)) == 2


def test_a_fault_of_a_trial_itself_is_not_taken_for_the_disk_s(tmp_path):
    with pytest.raises(KeyError, match="mistake"), opened(tmp_path / "s.db"):
        raise KeyError("mistake")


def test_a_trial_that_a_kill_cut_off_is_tried_again(tmp_path):
    with opened(tmp_path / "s.db") as study:
        study.optimize(square, n_trials=1)
        begun = study.ask()
        cut_off = begun.suggest_float("x", 0, 1)
    with opened(tmp_path / "s.db") as study:
        study.optimize(square, n_trials=1)
        assert finished(study)[-1].params["x"] == cut_off
        assert not study.get_trials(states=(optuna.trial.TrialState.RUNNING,))


def test_another_problem_is_refused_and_what_differs_is_named(tmp_path):
    with opened(tmp_path / "s.db"):
        pass
    with (
        pytest.raises(StudyUnavailable, match=r"another problem \(.*data\)"),
        opened(tmp_path / "s.db", problem={**PROBLEM, "data": "sha256:2"}),
    ):
        pass


def test_a_second_process_is_refused_while_the_first_one_tunes(tmp_path):
    with (
        opened(tmp_path / "s.db"),
        pytest.raises(StudyUnavailable, match="another process"),
        opened(tmp_path / "s.db"),
    ):
        pass


def test_a_file_that_is_no_study_is_told(tmp_path):
    (tmp_path / "s.db").write_text("not a database")
    with pytest.raises(StudyUnavailable, match="cannot be used as a study"), opened(tmp_path / "s.db"):
        pass


def test_a_database_of_something_else_gets_a_study_and_keeps_its_own(tmp_path):
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("CREATE TABLE customers (id)")
    with opened(tmp_path / "s.db") as study:
        study.optimize(square, n_trials=1)
    with sqlite3.connect(tmp_path / "s.db") as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (0,)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StudyUnavailable, match="cannot be written"), opened(tmp_path / "file" / "s.db"):
        pass


def test_the_digest_follows_the_problem_and_the_trials(tmp_path):
    digests = []
    for name, problem, trials in [("a", PROBLEM, 1), ("b", PROBLEM, 1), ("c", PROBLEM, 2), ("d", {"data": "x"}, 1)]:
        with opened(tmp_path / name, problem=problem) as study:
            study.optimize(square, n_trials=trials)
            digests.append(study_digest(study))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
