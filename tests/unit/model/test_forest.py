"""The trees give XGBoost's own margins, whatever the number of rows, and boosters are averaged by their leaves."""

import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.model.forest import FEW_ROWS, Forest, average_boosters

FEATURES = 5


def random_matrix(seed: int, rows: int, *, missing: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, FEATURES)).astype(np.float32)
    matrix[rng.random(matrix.shape) < missing] = np.nan
    return matrix


def random_booster(seed: int, *, depth: int = 3, rounds: int = 6, base_score: float = 0.1) -> xgboost.Booster:
    matrix = random_matrix(seed, 300)
    outcome = np.random.default_rng(seed).random(300) < 0.3
    parameters = {
        "objective": "binary:logistic",
        "max_depth": depth,
        "base_score": base_score,
        "nthread": 1,
        "seed": seed,
    }
    return xgboost.train(parameters, xgboost.DMatrix(matrix, outcome), num_boost_round=rounds)


def margins_of(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    return booster.predict(xgboost.DMatrix(matrix), output_margin=True)


def as_bytes(booster: xgboost.Booster) -> bytes:
    return bytes(booster.save_raw(raw_format="ubj"))


@pytest.fixture(scope="module")
def forest() -> Forest:
    return Forest(as_bytes(average_boosters([random_booster(seed, depth=6) for seed in range(3)])))


def test_margins_are_those_of_xgboost_to_the_bit():
    merged = average_boosters([random_booster(seed) for seed in range(3)])
    matrix = random_matrix(99, 1000)
    np.testing.assert_array_equal(Forest(as_bytes(merged)).margins(matrix), margins_of(merged, matrix))


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
    np.testing.assert_allclose(margins_of(average_boosters(boosters), matrix), mean, rtol=0, atol=1e-6)


def test_boosters_of_different_length_are_averaged():
    boosters = [random_booster(1, rounds=2), random_booster(2, rounds=9)]
    matrix = random_matrix(3, 50)
    mean = np.mean([margins_of(booster, matrix) for booster in boosters], axis=0)
    merged = average_boosters(boosters)
    assert merged.num_boosted_rounds() == 11
    np.testing.assert_allclose(margins_of(merged, matrix), mean, rtol=0, atol=1e-6)


def test_boosters_of_different_base_scores_are_not_averaged():
    with pytest.raises(ValueError, match="same base_score"):
        average_boosters([random_booster(1, base_score=0.1), random_booster(1, base_score=0.2)])


def test_the_average_forgets_the_attributes_of_its_first_booster():
    booster = random_booster(1)
    booster.set_attr(best_iteration="0")
    merged = average_boosters([booster, random_booster(2)])
    assert json.loads(merged.save_raw(raw_format="json"))["learner"]["attributes"] == {}


def test_either_side_of_the_thread_boundary_gives_the_same_bits(forest):
    matrix = random_matrix(5, FEW_ROWS + 1)
    np.testing.assert_array_equal(forest.margins(matrix)[:FEW_ROWS], forest.margins(matrix[:FEW_ROWS]))


def test_a_batch_scores_as_its_rows_do_one_by_one(forest):
    matrix = random_matrix(6, 40)
    singles = [forest.margins(matrix[row : row + 1])[0] for row in range(len(matrix))]
    np.testing.assert_array_equal(forest.margins(matrix), np.array(singles, dtype=np.float32))


@pytest.mark.parametrize("rows", [40, FEW_ROWS + 300])
def test_permuted_rows_have_permuted_margins(forest, rows):
    matrix = random_matrix(8, rows)
    order = np.random.default_rng(0).permutation(rows)
    np.testing.assert_array_equal(forest.margins(matrix[order]), forest.margins(matrix)[order])


def test_no_rows_have_no_margins(forest):
    margins = forest.margins(np.empty((0, FEATURES), dtype=np.float32))
    assert margins.shape == (0,)
    assert margins.dtype == np.float32


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"{}", b"{" * 500, bytes(range(256))])
def test_bytes_that_are_no_model_are_a_corrupt_bundle(garbage):
    with pytest.raises(CorruptBundle, match="trees cannot be read"):
        Forest(garbage)


def test_a_truncated_model_is_a_corrupt_bundle():
    whole = as_bytes(random_booster(1))
    with pytest.raises(CorruptBundle, match="trees cannot be read"):
        Forest(whole[: len(whole) // 2])
