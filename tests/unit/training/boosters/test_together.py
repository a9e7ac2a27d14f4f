"""Boosters that processes grow together: as good as those of one process, whatever the shares, and whoever dies."""

from dataclasses import replace

import numpy as np
import pytest

from fraud_detection_api.adapters.local_processes import LocalProcesses
from fraud_detection_api.statistics.metrics import roc_auc
from fraud_detection_api.statistics.scored import ScoredTest
from fraud_detection_api.training import train_xgboost
from fraud_detection_api.training.train_xgboost import XGBoostSettings, XGBoostTrainer
from support.builders import labelled
from support.dying import DyingOnce

SETTINGS = XGBoostSettings(folds=2, max_rounds=40, max_bin=64, learning_rate=0.2, subsample=1.0, colsample_bytree=1.0)


def sample(rows: int = 4_001):
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((rows, 3)).astype(np.float32)
    category = rng.integers(0, 3, rows).astype(np.float32)
    log_odds = -2 + matrix[:, 0] + np.sin(3 * matrix[:, 1]) + (category == 2)
    matrix[:, 2] = category
    is_fraud = rng.random(rows) < 1 / (1 + np.exp(-log_odds))
    return labelled(is_fraud, matrix=matrix, levels={"c2": ("a", "b", "c")})


TRAIN = sample()


@pytest.fixture(autouse=True)
def records_count_as_many(monkeypatch):
    monkeypatch.setattr(train_xgboost, "ROWS_SIDE_BY_SIDE", 100)


def together(workers):
    return XGBoostTrainer(SETTINGS, 7, workers=workers, together=True).fit(TRAIN)


def auc(trees) -> float:
    score = trees.held_out_margins.astype(np.float64)
    return roc_auc(ScoredTest.sort(TRAIN.is_fraud, score), np.ones(len(TRAIN)))


def test_they_are_as_good_as_those_of_one_process_though_a_process_dies(tmp_path):
    alone, grown = XGBoostTrainer(SETTINGS, 7, 1).fit(TRAIN), together(DyingOnce(LocalProcesses(2), tmp_path))
    assert (tmp_path / "died").exists()
    assert auc(grown) == pytest.approx(auc(alone), abs=0.01)
    assert np.corrcoef(grown.held_out_margins, alone.held_out_margins)[0, 1] > 0.97
    assert len(grown.rounds) == SETTINGS.folds
    assert grown.booster.num_boosted_rounds() == sum(grown.rounds)


def test_few_records_are_not_shared(monkeypatch):
    few = replace(SETTINGS, max_rounds=10)
    monkeypatch.setattr(train_xgboost, "ROWS_SIDE_BY_SIDE", len(TRAIN))
    alone = XGBoostTrainer(few, 7, 1).fit(TRAIN)
    grown = XGBoostTrainer(few, 7, workers=LocalProcesses(2), together=True).fit(TRAIN)
    assert grown.booster.save_raw() == alone.booster.save_raw()
