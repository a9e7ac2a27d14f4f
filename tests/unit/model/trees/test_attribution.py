"""Contributions are XGBoost's own, by table or worked out, and with the bias they sum up to the margin."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.model.trees import attribution
from fraud_detection_api.model.trees.attribution import FEW_ROWS, WIDE, Attribution
from fraud_detection_api.model.trees.attribution_kernels import LANES, MOST_WORDS, VECTOR
from fraud_detection_api.model.trees.boosters import read_trees
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.model.trees.splits import sort_splits
from fraud_detection_api.training.train_xgboost import average_boosters
from support.boosters import FEATURES, as_bytes, random_booster, random_matrix

WITHIN = 1e-5


LEVELS = (3, 20)
BLOCK = LANES * MOST_WORDS


def attribution_of(booster: xgboost.Booster, *, tables: bool = True, wide: bool = True) -> Attribution:
    with pytest.MonkeyPatch.context() as patched:
        if not tables:
            patched.setattr(attribution, "MOST_TABLE_ENTRIES", -1)
        if not wide:
            patched.setattr(attribution, "WIDE", 0)
        trees = read_trees(booster)
        return Attribution(trees, sort_splits(trees))


def contributions_of(booster: xgboost.Booster, matrix: np.ndarray) -> np.ndarray:
    """XGBoost's own; the last column is the bias."""
    return booster.predict(xgboost.DMatrix(matrix), pred_contribs=True)


@st.composite
def boosters(draw) -> xgboost.Booster:
    seed, depth, count = draw(st.integers(0, 10_000)), draw(st.integers(1, 10)), draw(st.sampled_from([1, 1, 3]))
    rounds = draw(st.sampled_from([1, 2, 30]))
    parts = [random_booster(seed + n, depth=depth, rounds=rounds, levels=LEVELS) for n in range(count)]
    return average_boosters(parts) if count > 1 else parts[0]


@pytest.mark.parametrize("tables", [True, False])
@given(booster=boosters(), missing=st.sampled_from([0.0, 0.2, 1.0]))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_contributions_are_those_of_xgboost(tables, booster, missing):
    matrix = random_matrix(3, 40, missing=missing, levels=LEVELS, unseen=0.1)
    found, truth = attribution_of(booster, tables=tables), contributions_of(booster, matrix)
    np.testing.assert_allclose(found.contributions(matrix), truth[:, :-1], rtol=0, atol=WITHIN)


@given(booster=boosters())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_contributions_and_bias_sum_up_to_the_margin(booster):
    matrix = random_matrix(4, 40, levels=LEVELS)
    found = attribution_of(booster)
    margins = Forest.of_booster(as_bytes(booster)).margins(matrix)
    bias = contributions_of(booster, matrix)[0, -1]
    np.testing.assert_allclose(found.contributions(matrix).sum(axis=1) + bias, margins, rtol=0, atol=WITHIN)


def test_a_leaf_s_contributions_are_the_mean_over_all_orders_of_the_features():
    """Shapley's definition by brute force, for a tree that asks one feature twice."""
    booster = random_booster(11, depth=4, rounds=1)
    nodes = read_trees(booster).nodes
    row = random_matrix(5, 1, missing=0.0)[0]

    def mean_value(node: int, known: set[int]) -> float:
        left = nodes["left"][node]
        if left == node:
            return float(nodes["value"][node])
        feature = int(nodes["feature"][node])
        if feature in known:
            return mean_value(left if row[feature] < nodes["threshold"][node] else left + 1, known)
        covers = nodes["cover"][[left, left + 1]].astype(float) / float(nodes["cover"][node])
        return float(covers[0] * mean_value(left, known) + covers[1] * mean_value(left + 1, known))

    def shapley(feature: int) -> float:
        others = [other for other in range(FEATURES) if other != feature]
        total = 0.0
        for size in range(FEATURES):
            weight = factorial(size) * factorial(FEATURES - 1 - size) / factorial(FEATURES)
            for known in combinations(others, size):
                total += weight * (mean_value(0, {*known, feature}) - mean_value(0, set(known)))
        return total

    found = attribution_of(booster).contributions(row[np.newaxis])[0]
    np.testing.assert_allclose(found, [shapley(feature) for feature in range(FEATURES)], rtol=0, atol=1e-7)


def test_a_tree_without_splits_contributes_nothing():
    booster = random_booster(1, rounds=3, gamma=1e9)
    assert not attribution_of(booster).contributions(random_matrix(2, 5)).any()


@given(booster=boosters(), wide=st.booleans())
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_row_s_contributions_do_not_depend_on_the_rows_beside_it_or_on_the_table(booster, wide):
    matrix = random_matrix(6, 2 * BLOCK + 3, levels=LEVELS, unseen=0.1)
    one, found = attribution_of(booster), attribution_of(booster, wide=wide)
    singles = [one.contributions(matrix[row : row + 1])[0] for row in range(len(matrix))]
    for rows in (FEW_ROWS - 1, FEW_ROWS, LANES, LANES + 1, BLOCK, BLOCK + 1, len(matrix)):
        np.testing.assert_array_equal(found.contributions(matrix[:rows]), singles[:rows])


@pytest.mark.parametrize("features", [1, VECTOR, VECTOR + 1, WIDE, WIDE + 1])
def test_tables_with_a_column_for_each_feature_add_the_same_bits(features):
    booster, matrix = random_booster(7, depth=5, rounds=30, features=features), random_matrix(8, 40, features=features)
    wide, narrow = attribution_of(booster), attribution_of(booster, wide=False)
    assert (wide._width, narrow._width) == (-(-features // VECTOR) * VECTOR if features <= WIDE else 0, 0)
    for rows in (1, len(matrix)):
        np.testing.assert_array_equal(wide.contributions(matrix[:rows]), narrow.contributions(matrix[:rows]))


def test_no_rows_have_no_contributions():
    assert attribution_of(random_booster(1)).contributions(np.empty((0, FEATURES), np.float32)).shape == (0, FEATURES)


def test_deep_trees_are_worked_out_without_tables(monkeypatch):
    deep = random_booster(1, depth=10, rounds=30)
    assert attribution_of(deep)._table is not None
    monkeypatch.setattr(attribution, "MOST_TABLE_ENTRIES", 1000)
    assert attribution_of(deep)._table is None
