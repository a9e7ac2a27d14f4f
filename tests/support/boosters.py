"""Random boosters of XGBoost, and matrices for them."""

from collections.abc import Sequence

import numpy as np
import xgboost

FEATURES = 5


def random_matrix(
    seed: int,
    rows: int,
    *,
    missing: float = 0.2,
    features: int = FEATURES,
    levels: Sequence[int] = (),
    unseen: float = 0.0,
) -> np.ndarray:
    """Normal values, float32 (rows, features), of which a share is missing.

    Before them stands a column for each category, the numbers of so many `levels` and a share of others.
    """
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, features + len(levels))).astype(np.float32)
    for column, count in enumerate(levels):
        matrix[:, column] = rng.integers(0, count, rows)
        others = rng.choice([-1, -0.5, count, count + 1, 1e6, 2.0**24], rows)
        matrix[:, column] = np.where(rng.random(rows) < unseen, others, matrix[:, column])
    matrix[rng.random(matrix.shape) < missing] = np.nan
    return matrix


def random_booster(
    seed: int,
    *,
    depth: int = 3,
    rounds: int = 6,
    base_score: float | None = 0.1,
    features: int = FEATURES,
    levels: Sequence[int] = (),
    **parameters,
) -> xgboost.Booster:
    """Trees that learned noise; without a base score, XGBoost estimates one. The first columns are categories."""
    matrix = random_matrix(seed, 300, features=features, levels=levels)
    outcome = np.random.default_rng(seed).random(300) < 0.3
    types = ["c"] * len(levels) + ["q"] * features
    rows = xgboost.DMatrix(matrix, outcome, feature_types=types, enable_categorical=True)
    fixed = {"objective": "binary:logistic", "max_depth": depth, "base_score": base_score, "nthread": 1, "seed": seed}
    return xgboost.train({**fixed, **parameters}, rows, num_boost_round=rounds)


def margins_of(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    """XGBoost's own."""
    return booster.predict(xgboost.DMatrix(matrix), output_margin=True)


def as_bytes(booster: xgboost.Booster) -> bytes:
    return bytes(booster.save_raw(raw_format="ubj"))
