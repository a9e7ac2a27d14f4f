"""The trees give XGBoost's own margins to the bit, whatever trees, values and number of rows."""

import json
import sys

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.errors import CorruptBundle, MissingExtra
from fraud_detection_api.model.trees import compilation
from fraud_detection_api.model.trees.boosters import read_trees, replace_trees
from fraud_detection_api.model.trees.forest import EXPLAINED_A_THREAD, FEW_ROWS, ROWS_A_THREAD, Forest
from fraud_detection_api.model.trees.leaf_masks import MOST_LEAVES, leaf_masks
from fraud_detection_api.model.trees.splits import sort_splits
from fraud_detection_api.training.train_xgboost import average_boosters
from support.boosters import FEATURES, as_bytes, margins_of, random_booster, random_matrix


@pytest.fixture(scope="module")
def forest() -> Forest:
    return Forest.of_booster(as_bytes(average_boosters([random_booster(seed, depth=6) for seed in range(3)])))


@st.composite
def boosters(draw) -> xgboost.Booster:
    """One booster or the average of three, with up to 1000 trees in all."""
    seed, depth, count = draw(st.integers(0, 10_000)), draw(st.integers(1, 10)), draw(st.sampled_from([1, 1, 3]))
    rounds = draw(st.sampled_from([1, 2, 3, 4, 5, 30, 1000])) // count + 1
    base_score = draw(st.sampled_from([0.5, 0.003, 0.97] if count > 1 else [None, 0.5, 0.003]))
    grown = {"depth": depth, "rounds": rounds, "base_score": base_score, "levels": LEVELS, **draw(categorical)}
    parts = [random_booster(seed + n, **grown) for n in range(count)]
    return average_boosters(parts) if count > 1 else parts[0]


LEVELS = (2, 9, 70)
categorical = st.fixed_dictionaries(
    {"max_cat_to_onehot": st.sampled_from([1, 4, 100]), "max_cat_threshold": st.sampled_from([2, 8, 64])}
)


@given(boosters(), st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([1, FEW_ROWS - 1, FEW_ROWS, 63, 64, 65, 127, 300]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_margins_are_those_of_xgboost_to_the_bit(booster, missing, rows):
    matrix = random_matrix(rows, rows, missing=missing, levels=LEVELS, unseen=0.1)
    np.testing.assert_array_equal(Forest.of_booster(as_bytes(booster)).margins(matrix), margins_of(booster, matrix))


LARGE = np.finfo(np.float32).max


@given(
    st.lists(
        st.sampled_from([-LARGE, -1.0, -0.0, 0.0, 1.0, 1e-45, LARGE, np.nan]), min_size=FEATURES, max_size=FEATURES
    )
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_values_at_a_threshold_and_at_the_ends_of_float32_go_where_xgboost_sends_them(values):
    rng = np.random.default_rng(0)
    seen = rng.choice(np.array([-LARGE, -1, 0, 1, LARGE, np.nan], dtype=np.float32), (400, FEATURES))
    outcome = (np.nan_to_num(seen[:, 0], nan=0.5) > 0) ^ (rng.random(400) < 0.2)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(seen, outcome), 20)
    forest = Forest.of_booster(as_bytes(booster))
    for rows in (1, FEW_ROWS):
        matrix = np.array([values] * rows, dtype=np.float32)
        np.testing.assert_array_equal(forest.margins(matrix), margins_of(booster, matrix))


@pytest.mark.parametrize("rows", [9, 2 * FEW_ROWS])
def test_a_forest_of_stumps_and_bare_leaves_scores(rows):
    booster = random_booster(1, rounds=5, gamma=1e9)
    matrix = random_matrix(2, rows)
    np.testing.assert_array_equal(Forest.of_booster(as_bytes(booster)).margins(matrix), margins_of(booster, matrix))


def test_a_tree_has_masks_up_to_64_leaves():
    matrix = random_matrix(1, 4000)
    noise = xgboost.DMatrix(matrix, np.random.default_rng(1).random(len(matrix)) < 0.5)

    def masks_of(most_leaves: int):
        asked = {"objective": "binary:logistic", "nthread": 1, "min_child_weight": 0, "max_depth": 0}
        grown = xgboost.train({**asked, "max_leaves": most_leaves, "grow_policy": "lossguide"}, noise, 1)
        trees = read_trees(grown)
        return leaf_masks(trees, sort_splits(trees))

    assert len(masks_of(MOST_LEAVES).leaves) == MOST_LEAVES
    assert masks_of(MOST_LEAVES + 1) is None


@pytest.mark.parametrize(("asked", "least_rows"), [("margins", ROWS_A_THREAD), ("contributions", EXPLAINED_A_THREAD)])
def test_several_threads_give_the_bits_of_one(forest, asked, least_rows):
    matrix = random_matrix(5, 3 * least_rows + 7)
    alone, together = (getattr(forest, asked)(matrix, threads=threads) for threads in (1, 4))
    np.testing.assert_array_equal(together, alone)


def test_columns_side_by_side_in_memory_score_as_rows_do(forest):
    matrix = random_matrix(6, 20)
    np.testing.assert_array_equal(forest.margins(np.asfortranarray(matrix)), forest.margins(matrix))


@pytest.fixture
def without_numba(monkeypatch):
    """As on a platform for which Numba has no wheel."""
    compilation.kernels.cache_clear()
    monkeypatch.setitem(sys.modules, "fraud_detection_api.model.trees.kernels", None)
    yield
    compilation.kernels.cache_clear()


def test_without_numba_xgboost_scores_the_same_and_that_is_said_once(forest, without_numba, caplog):
    booster = random_booster(3, depth=6, rounds=30, levels=LEVELS)
    matrix = random_matrix(7, 100, levels=LEVELS)
    slow, _again = Forest.of_booster(as_bytes(booster)), Forest.of_booster(as_bytes(booster))
    np.testing.assert_array_equal(slow.margins(matrix), margins_of(booster, matrix))
    contributions = booster.predict(xgboost.DMatrix(matrix), pred_contribs=True)
    np.testing.assert_array_equal(slow.contributions(matrix), contributions[:, :-1])
    assert [record.message for record in caplog.records] == ["numba_unavailable"]
    nothing = np.empty((0, matrix.shape[1]), np.float32)
    assert slow.margins(nothing).shape == (0,)
    assert slow.contributions(nothing).shape == nothing.shape


def test_with_neither_numba_nor_xgboost_the_extra_is_named(without_numba, monkeypatch):
    booster = random_booster(3, depth=2, rounds=1)
    trees = read_trees(booster)
    monkeypatch.setitem(sys.modules, "fraud_detection_api.model.trees.boosters", None)
    with pytest.raises(MissingExtra) as caught:
        Forest(trees, as_bytes(booster))
    assert caught.value.extra == "train"


def test_a_forest_explains_what_it_scores(forest):
    matrix = random_matrix(9, 50)
    unexplained = forest.margins(matrix) - forest.contributions(matrix).sum(axis=1)
    np.testing.assert_allclose(unexplained, unexplained[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, FEATURES - 1), (3, FEATURES + 1), (FEATURES,)])
def test_another_number_of_columns_is_refused(forest, shape):
    with pytest.raises(ValueError, match=f"must have {FEATURES} columns"):
        forest.margins(np.zeros(shape, dtype=np.float32))


def edited(**changes) -> bytes:
    document = json.loads(random_booster(1).save_raw(raw_format="json"))
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    for name, value in changes.items():
        tree[name] = [value] * len(tree[name])
    return bytes(xgboost.Booster(model_file=bytearray(json.dumps(document).encode())).save_raw(raw_format="ubj"))


def test_a_split_on_a_feature_that_there_is_not_is_a_corrupt_bundle():
    with pytest.raises(CorruptBundle, match="a feature that there is not"):
        Forest.of_booster(edited(split_indices=FEATURES))


@pytest.mark.parametrize("parameters", [{"objective": "reg:squarederror"}, {"booster": "dart"}])
def test_another_kind_of_model_is_a_corrupt_bundle(parameters):
    with pytest.raises(CorruptBundle, match="only trees of the objective binary:logistic"):
        Forest.of_booster(as_bytes(random_booster(1, **parameters)))


def test_a_feature_that_is_a_number_in_one_tree_and_a_category_in_another_is_a_corrupt_bundle():
    number, category = (
        json.loads(random_booster(1, features=1 - kind, levels=[9] * kind).save_raw(raw_format="json"))
        for kind in (0, 1)
    )
    trees = [document["learner"]["gradient_booster"]["model"]["trees"] for document in (number, category)]
    replace_trees(category, [tree | {"id": number} for number, tree in enumerate(trees[0] + trees[1])])
    mixed = xgboost.Booster(model_file=bytearray(json.dumps(category).encode()))
    with pytest.raises(CorruptBundle, match="a number in one tree"):
        Forest.of_booster(as_bytes(mixed))


def test_a_batch_scores_as_its_rows_do_one_by_one(forest):
    matrix = random_matrix(6, 40)
    singles = [forest.margins(matrix[row : row + 1])[0] for row in range(len(matrix))]
    np.testing.assert_array_equal(forest.margins(matrix), np.array(singles, dtype=np.float32))


@pytest.mark.parametrize("rows", [40, 300])
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
        Forest.of_booster(garbage)


def test_a_truncated_model_is_a_corrupt_bundle():
    whole = as_bytes(random_booster(1))
    with pytest.raises(CorruptBundle, match="trees cannot be read"):
        Forest.of_booster(whole[: len(whole) // 2])
