"""A race of recipes ends the same whatever the threads, and finds the recipe that suits the records."""

import numpy as np
import pytest

from fraud_detection_api.training import recipes
from fraud_detection_api.training.data.splits import cross_fitting_folds
from fraud_detection_api.training.fit_scorer import ScorerFitter
from fraud_detection_api.training.recipes import EFFORTS, RECIPES, race
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import labelled

SMALL = XGBoostSettings(folds=3, max_rounds=60, max_bin=64)
DEPTHS = {f"depth {depth}": {"max_depth": depth} for depth in (1, 2, 3)}


def together(rows: int = 3000):
    """Fraud where the first two of six signs are set, which takes two splits in a row to see."""
    signs = np.random.default_rng(1).integers(0, 2, (rows, 6)).astype(np.float32)
    noise = np.random.default_rng(2).random(rows)
    return labelled(np.where(signs[:, :2].all(axis=1), noise < 0.8, noise < 0.1), matrix=signs)


def fitter(threads: int = 1) -> ScorerFitter:
    return ScorerFitter(SMALL, seed=3, threads=threads)


@pytest.fixture(scope="module")
def raced():
    return race(fitter(), together(), DEPTHS)


def test_the_recipe_that_suits_the_records_wins(raced):
    assert raced.settings.max_depth > 1
    assert raced.runners[-1].name == "depth 1"
    assert raced.settings.learning_rate == SMALL.learning_rate


def test_the_better_half_is_measured_on_a_second_fold(raced):
    assert [runner.folds for runner in raced.runners] == [2, 2, 1]
    assert raced.runners[0].log_loss <= raced.runners[1].log_loss


def test_a_loss_is_that_of_records_the_booster_was_not_trained_on(raced):
    data = together()
    losses = fitter().held_out_losses(data, 1)
    assert len(losses) == np.sum(cross_fitting_folds(data, 3, seed=3) == 1)
    assert raced.runners[0].log_loss == pytest.approx(losses.mean(), abs=0.05)


def test_the_race_is_the_same_whatever_the_threads(raced):
    assert race(fitter(threads=3), together(), DEPTHS) == raced


def test_of_many_records_a_part_races(monkeypatch, raced):
    monkeypatch.setattr(recipes, "MOST_RECORDS", 1000)
    sizes = []
    monkeypatch.setattr(
        ScorerFitter, "held_out_losses", lambda _self, data, _fold: sizes.append(len(data)) or np.ones(3)
    )
    race(fitter(), together(), DEPTHS)
    assert set(sizes) == {1000} or set(sizes) == {1001}


def test_equal_recipes_end_in_their_order(monkeypatch):
    monkeypatch.setattr(ScorerFitter, "held_out_losses", lambda *_asked: np.ones(3))
    assert [runner.name for runner in race(fitter(), together(), RECIPES).runners] == list(RECIPES)


def test_with_too_few_frauds_there_is_no_race():
    few = labelled(np.arange(300) < 8, matrix=np.zeros((300, 1), np.float32))
    assert race(fitter(), few, DEPTHS) == recipes.Race(
        XGBoostSettings(folds=3, max_rounds=60, max_bin=64, max_depth=1), ()
    )


def test_less_effort_is_one_recipe_and_more_effort_are_more():
    assert [len(EFFORTS[name].recipes) for name in ("quick", "default", "high")] == [0, 4, 7]
    assert [EFFORTS[name].refit for name in ("quick", "default", "high")] == [False, True, True]
