"""Random boosters of XGBoost, and matrices for them."""

import numpy as np
import xgboost

FEATURES = 5


def random_matrix(seed: int, rows: int, *, missing: float = 0.2, features: int = FEATURES) -> np.ndarray:
    """Normal values, float32 (rows, features), of which a share is missing."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, features)).astype(np.float32)
    matrix[rng.random(matrix.shape) < missing] = np.nan
    return matrix


def random_booster(
    seed: int,
    *,
    depth: int = 3,
    rounds: int = 6,
    base_score: float | None = 0.1,
    features: int = FEATURES,
    **parameters,
) -> xgboost.Booster:
    """Trees that learned noise; without a base score, XGBoost estimates one."""
    matrix = random_matrix(seed, 300, features=features)
    outcome = np.random.default_rng(seed).random(300) < 0.3
    fixed = {"objective": "binary:logistic", "max_depth": depth, "base_score": base_score, "nthread": 1, "seed": seed}
    return xgboost.train({**fixed, **parameters}, xgboost.DMatrix(matrix, outcome), num_boost_round=rounds)


def margins_of(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    """XGBoost's own."""
    return booster.predict(xgboost.DMatrix(matrix), output_margin=True)


def as_bytes(booster: xgboost.Booster) -> bytes:
    return bytes(booster.save_raw(raw_format="ubj"))
