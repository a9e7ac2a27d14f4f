"""XGBoostTrainer: all records are learned from, each is scored by boosters that did not see it, and seeds decide alone."""

import json
import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.adapters.local_processes import LocalProcesses
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.statistics.metrics import roc_auc
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training import train_xgboost
from fraud_detection_api.training.boosters import growing
from fraud_detection_api.training.data import dataset
from fraud_detection_api.training.data.splits import cross_fitting_folds
from fraud_detection_api.training.train_xgboost import XGBoostSettings, XGBoostTrainer, average_boosters
from support.boosters import margins_of, random_booster, random_matrix
from support.builders import labelled

QUICK = XGBoostSettings(folds=2, max_rounds=25, max_bin=64, learning_rate=0.2)


def sample(seed: int, rows: int = 1200):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, 3)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    log_odds = -2 + np.nan_to_num(matrix[:, 0]) + np.sin(3 * np.nan_to_num(matrix[:, 1]))
    return labelled(rng.random(rows) < 1 / (1 + np.exp(-log_odds)), matrix=matrix)


TRAIN = sample(1)
FRESH = sample(2).records.matrix


def fitted(settings=QUICK, *, seed: int = 7, data=TRAIN, threads: int = 1, **options):
    return XGBoostTrainer(settings, seed, threads).fit(data, **options)


def as_bytes(trees) -> bytes:
    return bytes(trees.booster.save_raw(raw_format="ubj"))


def margins(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    return booster.inplace_predict(matrix, predict_type="margin")


def auc(is_fraud, score) -> float:
    return roc_auc(ScoredTest.sort(is_fraud, score), np.ones(len(is_fraud)))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(threads):
    assert as_bytes(fitted()) == as_bytes(fitted(threads=threads))


def test_boosters_that_other_processes_grow_are_the_same():
    elsewhere = XGBoostTrainer(QUICK, 7, workers=LocalProcesses(2)).fit(TRAIN)
    assert as_bytes(elsewhere) == as_bytes(fitted())
    assert elsewhere.held_out_margins.tobytes() == fitted().held_out_margins.tobytes()


def test_boosters_that_grow_from_files_are_the_same(tmp_path):
    on_disk = replace(TRAIN, records=replace(TRAIN.records, folder=tmp_path))
    assert as_bytes(fitted(data=on_disk)) == as_bytes(fitted())
    assert list(tmp_path.glob("bins-*"))  # XGBoost has removed its files in it


def test_a_training_that_is_interrupted_ends_its_boosters():
    endless = XGBoostSettings(folds=3, max_rounds=10_000_000, early_stopping_rounds=10_000_000, max_bin=64)

    def interrupt(_share):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            fitted(endless, threads=2, on_progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_seed_gives_other_trees():
    assert as_bytes(fitted(seed=7)) != as_bytes(fitted(seed=8))


@pytest.mark.parametrize("seed", [2**53, 2**62])
def test_a_seed_may_be_large(seed):
    assert fitted(seed=seed).rounds


def test_the_rounds_of_every_booster_are_in_the_average():
    trees = fitted(XGBoostSettings(folds=3, repeats=2, max_rounds=15, max_bin=64, learning_rate=0.2))
    assert len(trees.rounds) == 6
    assert trees.booster.num_boosted_rounds() == sum(trees.rounds)


@pytest.mark.parametrize(
    ("records", "bins"), [(1, 256), (4096, 256), (16_000, 1000), (16_384, 1024), (10_000_000, 1024)]
)
def test_the_more_records_the_finer_the_bins(records, bins):
    assert XGBoostSettings().bins(records) == XGBoostSettings().parameters(records)["max_bin"] == bins


def test_no_finer_bins_than_asked_for():
    assert XGBoostSettings(max_bin=64).bins(1_000_000) == 64


@pytest.mark.parametrize("folds", [-1, 0, 1])
def test_a_single_fold_would_leave_nothing_to_learn_from(folds):
    with pytest.raises(ValueError, match="folds must be at least 2"):
        XGBoostSettings(folds=folds)


def test_boosters_stop_where_the_held_out_fold_no_longer_gains():
    settings = XGBoostSettings(folds=2, max_rounds=500, early_stopping_rounds=5, learning_rate=0.5, max_bin=64)
    assert max(fitted(settings).rounds) < 100


def noise(rows: int = 600):
    rng = np.random.default_rng(0)
    return labelled(rng.random(rows) < 0.3, matrix=rng.standard_normal((rows, 3)))


def test_noise_grows_next_to_no_trees():
    settings = XGBoostSettings(folds=2, max_rounds=200, max_bin=64, learning_rate=0.2)
    assert max(fitted(settings, data=noise()).rounds) <= 11


def test_held_out_margins_are_of_boosters_that_did_not_see_the_record():
    data = noise()
    settings = XGBoostSettings(folds=4, max_rounds=60, early_stopping_rounds=500, learning_rate=0.5, max_depth=8)
    trees = fitted(settings, data=data)
    learned_by_heart = XGBoostTrainer(settings, 7, 1).fit(data).booster
    assert auc(data.is_fraud, trees.held_out_margins.astype(float)) < 0.6
    assert max(trees.rounds) <= 60
    assert auc(data.is_fraud, margins(learned_by_heart, data.records.matrix).astype(float)) > 0.6


def test_held_out_margins_are_the_boosters_own(monkeypatch):
    kept = []
    average = train_xgboost.average_boosters
    monkeypatch.setattr(train_xgboost, "average_boosters", lambda boosters: kept.extend(boosters) or average(boosters))
    trees = fitted()
    folds = cross_fitting_folds(TRAIN, 2, seed=7)
    for fold, booster in enumerate(kept):
        held_out = folds == fold
        expected = margins(booster, TRAIN.records.matrix[held_out])
        np.testing.assert_allclose(trees.held_out_margins[held_out], expected, atol=1e-5)


def test_the_forest_is_the_mean_of_its_parts(monkeypatch):
    kept = []
    average = train_xgboost.average_boosters
    monkeypatch.setattr(train_xgboost, "average_boosters", lambda boosters: kept.extend(boosters) or average(boosters))
    trees = fitted()
    mean = np.mean([margins(booster, FRESH) for booster in kept], axis=0)
    np.testing.assert_allclose(Forest.of_booster(as_bytes(trees)).margins(FRESH), mean, atol=1e-5)


def test_data_that_is_read_in_pieces_gives_as_good_trees(monkeypatch):
    whole = fitted()
    for module in (dataset, growing):
        monkeypatch.setattr(module, "BLOCK_ROWS", 250)
    pieces = fitted()
    truth = sample(2)
    assert auc(truth.is_fraud, margins(pieces.booster, FRESH).astype(float)) == pytest.approx(
        auc(truth.is_fraud, margins(whole.booster, FRESH).astype(float)), abs=0.02
    )
    assert as_bytes(pieces) == as_bytes(fitted(threads=2))


def categories(rows: int = 900):
    """A category whose levels tell fraud, and noise."""
    rng = np.random.default_rng(4)
    numbers = rng.integers(3, size=rows)
    matrix = np.column_stack([np.where(rng.random(rows) < 0.1, np.nan, numbers), rng.standard_normal(rows)])
    is_fraud = rng.random(rows) < np.array([0.05, 0.3, 0.8])[numbers]
    return labelled(is_fraud, matrix=matrix, levels={"c0": ("a", "b", "c")})


def test_categories_that_are_read_in_pieces_are_coded_as_they_are_in_one(monkeypatch):
    data = categories()
    whole = fitted(data=data).held_out_margins
    for module in (dataset, growing):
        monkeypatch.setattr(module, "BLOCK_ROWS", 200)
    pieces = fitted(data=data).held_out_margins
    assert auc(data.is_fraud, whole.astype(float)) > 0.75
    assert np.corrcoef(whole, pieces)[0, 1] > 0.99


def test_records_of_one_customer_are_held_out_together():
    """A customer's label is told by a feature that names the customer: only another record of the same one could tell."""
    customers = np.arange(400) // 2
    is_fraud = (np.random.default_rng(0).random(200) < 0.4)[customers]
    settings = XGBoostSettings(folds=2, max_rounds=60, early_stopping_rounds=500, max_depth=8, learning_rate=0.5)
    scores = [
        fitted(settings, data=labelled(is_fraud, matrix=customers.reshape(-1, 1), entity=entity)).held_out_margins
        for entity in (customers, np.arange(400))
    ]
    together, apart = (auc(is_fraud, score.astype(float)) for score in scores)
    assert together < 0.6 < apart


def test_probabilities_keep_the_base_rate():
    probability = 1 / (1 + np.exp(-margins(fitted().booster, TRAIN.records.matrix).astype(np.float64)))
    assert probability.mean() == pytest.approx(TRAIN.base_rate, abs=0.03)


@pytest.mark.parametrize(("feature", "sign"), [(0, 1), (0, -1), (1, 1), (1, -1)])
def test_a_declared_direction_holds_on_a_grid(feature, sign):
    constraint = tuple(sign if position == feature else 0 for position in range(3))
    booster = fitted(monotone=constraint).booster
    grid = np.linspace(-3, 3, 61, dtype=np.float32)
    for others in FRESH[:20]:
        matrix = np.tile(others, (len(grid), 1))
        matrix[:, feature] = grid
        assert (sign * np.diff(margins(booster, matrix)) >= 0).all()


def test_without_a_declared_direction_trees_follow_the_data():
    grid = np.zeros((61, 3), dtype=np.float32)
    grid[:, 1] = np.linspace(-3, 3, 61)
    steps = np.diff(margins(fitted().booster, grid))
    assert (steps > 0).any()
    assert (steps < 0).any()


def test_the_learning_curve_has_both_losses_at_each_look():
    curve = fitted().learning_curve
    assert curve["rounds"][:3] == [1.0, 6.0, 11.0]
    assert len(curve["rounds"]) == len(curve["train_log_loss"]) == len(curve["held_out_log_loss"])
    assert curve["train_log_loss"][-1] < curve["train_log_loss"][0]


def test_progress_rises_to_1():
    shares: list[float] = []
    fitted(on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_threads_are_those_of_openmp_where_none_are_asked_for(monkeypatch):
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    assert as_bytes(fitted(threads=0)) == as_bytes(fitted(threads=1))


ROUNDING = 1e-5
"""What adding some dozens of leaves in 32 bits may leave of a margin below 10: its last place is 2e-7 to 1e-6."""


@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=4),
    depth=st.integers(1, 8),
    missing=st.sampled_from([0.0, 0.2, 1.0]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_average_of_boosters_is_the_mean_of_their_margins(seeds, depth, missing):
    boosters = [random_booster(seed, depth=depth) for seed in seeds]
    matrix = random_matrix(7, 200, missing=missing)
    mean = np.mean([margins_of(booster, matrix).astype(np.float64) for booster in boosters], axis=0)
    np.testing.assert_allclose(margins_of(average_boosters(boosters), matrix), mean, rtol=0, atol=ROUNDING)


def test_boosters_of_different_length_are_averaged():
    boosters = [random_booster(1, rounds=2), random_booster(2, rounds=9)]
    matrix = random_matrix(3, 50)
    mean = np.mean([margins_of(booster, matrix) for booster in boosters], axis=0)
    merged = average_boosters(boosters)
    assert merged.num_boosted_rounds() == 11
    np.testing.assert_allclose(margins_of(merged, matrix), mean, rtol=0, atol=ROUNDING)


def test_boosters_of_different_base_scores_are_not_averaged():
    with pytest.raises(ValueError, match="same base_score"):
        average_boosters([random_booster(1, base_score=0.1), random_booster(1, base_score=0.2)])


def test_the_average_forgets_the_attributes_of_its_first_booster():
    booster = random_booster(1)
    booster.set_attr(best_iteration="0")
    merged = average_boosters([booster, random_booster(2)])
    assert json.loads(merged.save_raw(raw_format="json"))["learner"]["attributes"] == {}
