"""XGBoostTrainer: the same seed gives the same trees, declared directions hold, progress ends at 1."""

import os

import numpy as np
import pytest
import xgboost

from fraud_detection_api.training.train_xgboost import XGBoostSettings, XGBoostTrainer

QUICK = XGBoostSettings(folds=2, max_rounds=25, max_bin=64, learning_rate=0.2)


def sample(seed: int, rows: int = 800) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, 3)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    log_odds = -2 + np.nan_to_num(matrix[:, 0]) + np.sin(3 * np.nan_to_num(matrix[:, 1]))
    return matrix, rng.random(rows) < 1 / (1 + np.exp(-log_odds))


TRAIN, VALIDATION = sample(1), sample(2)


def fitted(settings=QUICK, *, seed: int = 7, **options):
    return XGBoostTrainer(settings, seed, threads=1).fit(TRAIN, VALIDATION, **options)


def as_bytes(booster: xgboost.Booster) -> bytes:
    return bytes(booster.save_raw(raw_format="ubj"))


def margins(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    return booster.inplace_predict(matrix, predict_type="margin")


def test_the_same_seed_gives_the_same_bytes():
    assert as_bytes(fitted().booster) == as_bytes(fitted().booster)


def test_another_seed_gives_other_trees():
    assert as_bytes(fitted(seed=7).booster) != as_bytes(fitted(seed=8).booster)


@pytest.mark.parametrize("seed", [2**53, 2**64, 10**30])
def test_a_seed_may_be_of_any_size(seed):
    assert fitted(seed=seed).rounds


def test_each_booster_has_a_seed_of_its_own():
    both, one = fitted(), fitted(XGBoostSettings(folds=2, max_rounds=25, max_bin=64, learning_rate=0.2))
    assert not np.array_equal(margins(both.booster, VALIDATION[0]), margins(one.booster, VALIDATION[0]))


def test_the_rounds_of_every_booster_are_in_the_average():
    trees = fitted()
    assert len(trees.rounds) == 2
    assert trees.booster.num_boosted_rounds() == sum(trees.rounds)


def test_boosters_stop_where_validation_no_longer_gains():
    settings = XGBoostSettings(folds=2, max_rounds=500, early_stopping_rounds=5, learning_rate=0.5, max_bin=64)
    assert fitted(settings).rounds[0] < 100


def test_noise_grows_next_to_no_trees():
    rng = np.random.default_rng(0)
    noise = [(rng.standard_normal((400, 3)).astype(np.float32), np.arange(400) % 5 == 0) for _ in range(2)]
    assert XGBoostTrainer(QUICK, 1, threads=1).fit(*noise).rounds[0] <= 5


def test_probabilities_keep_the_base_rate():
    is_fraud = TRAIN[1]
    probability = 1 / (1 + np.exp(-margins(fitted().booster, TRAIN[0]).astype(np.float64)))
    assert probability.mean() == pytest.approx(is_fraud.mean(), abs=0.03)


@pytest.mark.parametrize(("feature", "sign"), [(0, 1), (0, -1), (1, 1), (1, -1)])
def test_a_declared_direction_holds_on_a_grid(feature, sign):
    constraint = tuple(sign if position == feature else 0 for position in range(3))
    booster = fitted(monotone=constraint).booster
    grid = np.linspace(-3, 3, 61, dtype=np.float32)
    for others in sample(9, rows=20)[0]:
        matrix = np.tile(others, (len(grid), 1))
        matrix[:, feature] = grid
        assert (sign * np.diff(margins(booster, matrix)) >= 0).all()


def test_without_a_declared_direction_trees_follow_the_data():
    grid = np.zeros((61, 3), dtype=np.float32)
    grid[:, 1] = np.linspace(-3, 3, 61)
    steps = np.diff(margins(fitted().booster, grid))
    assert (steps > 0).any()
    assert (steps < 0).any()


def test_progress_rises_to_1():
    shares: list[float] = []
    fitted(on_progress=shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.1
    assert shares[-1] == 1.0


def test_progress_reaches_1_although_boosters_stop_early():
    shares: list[float] = []
    settings = XGBoostSettings(boosters=3, max_rounds=400, early_stopping_rounds=3, learning_rate=0.5, max_bin=64)
    fitted(settings, on_progress=shares.append)
    assert shares[-1] == 1.0
    assert max(shares) == 1.0


@pytest.mark.parametrize(
    ("asked", "variable", "used"), [(3, "2", 3), (0, "2", 2), (0, None, os.cpu_count())], ids=["asked", "OMP", "all"]
)
def test_threads_are_those_asked_for_or_of_the_machine(monkeypatch, asked, variable, used):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert XGBoostTrainer(QUICK, 1, threads=asked)._threads == used
