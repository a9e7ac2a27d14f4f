"""Tuning begins with the default, never returns something worse on its own folds, and finds a ratio that matters."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.contract.ratios import contract_for_tuning
from fraud_detection_api.errors import StudyUnavailable
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import PrequentialSettings, validation_folds
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from fraud_detection_api.training.tuning.objectives import Objective
from fraud_detection_api.training.tuning.tune import SEARCH_SPACE, Tuner

TINY = XGBoostSettings(folds=2, max_rounds=40, early_stopping_rounds=10, learning_rate=0.1, max_bin=64)
CONTRACT = contract_from_toml(
    """
name = "payments"
[target]
name = "bad"
[features.amount]
dtype = "float"
unit = "EUR"
[features.usual]
dtype = "float"
unit = "EUR"
[features.hour]
dtype = "int"
""",
    source="payments.toml",
)


def payments(rows: int = 3000):
    """Payments that are fraud where they are many times the usual amount, whatever either is."""
    rng = np.random.default_rng(4)
    usual = np.exp(rng.normal(4, 2, rows))
    times = np.exp(rng.normal(0, 1, rows))
    bad = rng.random(rows) < 1 / (1 + np.exp(-4 * (np.log(times) - 1.5)))
    frame = pl.DataFrame(
        {"amount": usual * times, "usual": usual, "hour": rng.integers(0, 24, rows), "bad": bad.astype(int)}
    )
    return dataset_from_frame(frame, contract_for_tuning(CONTRACT), source="payments")


@pytest.fixture(scope="module")
def data():
    return payments()


@pytest.fixture(scope="module")
def folds(data):
    return validation_folds(data, PrequentialSettings(folds=2), seed=1)


def tuned(path, data, folds, *, trials=6, **options):
    seen = []
    settings = {"defaults": TINY, "seed": 1, "threads": 1, **options}
    found = Tuner(path, **settings).tune(data, folds, contract=CONTRACT, trials=trials, on_progress=seen.append)
    return found, seen


@pytest.fixture(scope="module")
def found(tmp_path_factory, data, folds):
    return tuned(tmp_path_factory.mktemp("study") / "s.db", data, folds, trials=12)


def test_the_first_trial_is_the_default_without_ratios(found):
    summary = found[0].summary
    assert summary["history"][0] == {"trial": 0, "value": summary["default_value"]}


def test_the_best_is_no_worse_than_the_default(found):
    summary = found[0].summary
    assert summary["best_value"] >= summary["default_value"]
    assert summary["best_value"] == max(t["value"] for t in summary["history"] if t["value"] is not None)


def test_a_ratio_that_matters_is_found(found):
    assert found[0].summary["ratios"] == ["amount / usual"]
    assert list(found[0].contract.derived) == ["amount / usual"]
    assert found[0].summary["best_value"] > found[0].summary["default_value"] + 0.02


def test_the_settings_are_those_of_the_best_trial(found):
    chosen = found[0].summary["settings"]
    assert {name: getattr(found[0].settings, name) for name in SEARCH_SPACE} == {
        name: chosen[name] for name in SEARCH_SPACE
    }
    assert found[0].settings.folds == TINY.folds


def test_progress_counts_finished_trials_and_tells_the_best_so_far(found):
    told = found[1]
    assert [progress.finished for progress in told] == list(range(1, 13))
    best = [progress.best_value for progress in told]
    assert best == sorted(best)


def test_the_importance_of_each_parameter_is_told(found):
    importance = found[0].summary["importance"]
    assert set(importance) == {*SEARCH_SPACE, "ratios"}
    assert sum(importance.values()) == pytest.approx(1)


def test_trials_that_fall_behind_are_given_up(found):
    assert any(trial["value"] is None for trial in found[0].summary["history"])


def test_the_same_seed_finds_the_same(tmp_path, data, folds):
    first, second = (tuned(tmp_path / name, data, folds, trials=3)[0] for name in ("a.db", "b.db"))
    assert first.settings == second.settings
    assert first.summary["digest"] == second.summary["digest"]


def test_a_complete_study_is_only_read_and_more_trials_continue_it(tmp_path, data, folds):
    first, _ = tuned(tmp_path / "s.db", data, folds, trials=2)
    again, told = tuned(tmp_path / "s.db", data, folds, trials=2)
    assert [progress.finished for progress in told] == [2]  # where it stood when it was opened
    assert again.summary == first.summary
    more, told = tuned(tmp_path / "s.db", data, folds, trials=3)
    assert [progress.finished for progress in told] == [2, 3]  # from where it goes on, then each
    assert more.summary["history"][:2] == first.summary["history"]


def test_time_runs_out_after_one_trial_at_the_least(tmp_path, data, folds):
    tuner = Tuner(tmp_path / "s.db", defaults=TINY, seed=1, threads=1)
    found = tuner.tune(data, folds, contract=CONTRACT, trials=500, timeout_seconds=1e-9)
    assert found.summary["trials"] == 1
    assert found.settings == TINY


def test_two_workers_finish_the_trials_that_were_asked_for(tmp_path, data, folds):
    found, _ = tuned(tmp_path / "s.db", data, folds, trials=3, workers=2)
    assert found.summary["trials"] >= 3


def test_another_objective_and_other_defaults_are_another_study(tmp_path, data, folds):
    tuned(tmp_path / "s.db", data, folds, trials=1)
    with pytest.raises(StudyUnavailable, match="objective"):
        tuned(tmp_path / "s.db", data, folds, trials=1, objective=Objective("roc_auc"))
    with pytest.raises(StudyUnavailable, match="defaults"):
        tuned(tmp_path / "s.db", data, folds, trials=1, defaults=replace(TINY, max_depth=2))


def test_a_contract_without_ratios_is_tuned_too(tmp_path):
    plain = contract_from_toml(
        'name = "p"\n[target]\nname = "bad"\n[features.x]\ndtype = "float"\n', source="plain.toml"
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=800)
    frame = pl.DataFrame({"x": x, "bad": (rng.random(800) < 1 / (1 + np.exp(1 - 2 * x))).astype(int)})
    data = dataset_from_frame(frame, plain, source="x")
    folds = validation_folds(data, PrequentialSettings(folds=2), seed=1)
    found = Tuner(tmp_path / "s.db", defaults=TINY, threads=1).tune(data, folds, contract=plain, trials=2)
    assert found.summary["ratios"] == []
