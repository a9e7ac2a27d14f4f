"""Importance of columns: every column, the largest mean first."""

import numpy as np
import pytest
from sklearn.inspection import partial_dependence as reference
from sklearn.linear_model import LogisticRegression

from fraud_detection_api.training.evidence.columns import GRID, SAMPLE, importance, partial_dependence


def test_columns_stand_by_their_mean_absolute_contribution():
    contributions = np.array([[1, -3, 0], [-1, 3, 0]], dtype=np.float32)
    ranked = importance(["a", "b", "c"], {"a": 3.0, "b": 1.0}, contributions)
    assert [(each["column"], each["mean_abs_contribution"], each["gain_share"]) for each in ranked] == [
        ("b", 3.0, 0.25),
        ("a", 1.0, 0.75),
        ("c", 0.0, 0.0),
    ]


def test_the_interval_is_that_of_a_mean():
    sizes = np.random.default_rng(0).normal(2, 0.5, (400, 1)).astype(np.float32)
    (only,) = importance(["a"], {"a": 1.0}, sizes)
    half = 1.96 * sizes.std() / 20
    assert only["low"] == pytest.approx(only["mean_abs_contribution"] - half, rel=1e-3)
    assert only["high"] == pytest.approx(only["mean_abs_contribution"] + half, rel=1e-3)


def test_trees_that_never_split_have_no_gain():
    assert [each["gain_share"] for each in importance(["a", "b"], {}, np.zeros((2, 2), dtype=np.float32))] == [0, 0]


def additive(matrix):
    """A probability that the columns add up to."""
    return np.nan_to_num(matrix.astype(np.float64), nan=0.5).sum(axis=1) / 10


@pytest.fixture(scope="module")
def matrix():
    return np.random.default_rng(0).random((2000, 3)).astype(np.float32)


def test_a_line_of_an_additive_model_rises_by_the_column(matrix):
    found = partial_dependence(additive, matrix, 1, column="b")
    assert len(found["values"]) == GRID
    assert np.diff(found["probability"]) == pytest.approx(np.diff(found["values"]) / 10, abs=1e-5)
    low, middle, high = (np.array(found[name]) for name in ("low", "probability", "high"))
    assert np.all((low <= middle) & (middle <= high))
    assert sum(found["rows_at"]) == 2000


def test_it_agrees_with_scikit_learn(matrix):
    small = matrix[:SAMPLE].astype(np.float64)
    model = LogisticRegression().fit(small, small[:, 0] + small[:, 1] > 1)
    found = partial_dependence(
        lambda rows: model.predict_proba(rows.astype(np.float64))[:, 1], small.astype(np.float32), 0, column="a"
    )
    grid = {0: np.array(found["values"])}
    expected = reference(model, small, [0], custom_values=grid, kind="average")["average"][0]
    assert found["probability"] == pytest.approx(expected, abs=1e-4)


def test_levels_have_their_names_and_share_them_where_their_codes_are_equal():
    codes = {"web": 0.1, "phone": 0.3, "fax": 0.3, "never seen": 0.9}
    column = np.array([0.1] * 6 + [0.3] * 3, dtype=np.float32).reshape(-1, 1)
    found = partial_dependence(additive, column, 0, column="channel", level_codes=codes)
    assert found["labels"] == ["web", "phone, fax"]
    assert found["rows_at"] == [6, 3]
    assert found["probability"] == pytest.approx([0.01, 0.03])


def test_many_levels_are_cut_to_the_most_frequent():
    codes = {f"level {k}": k / 100 for k in range(50)}
    column = np.repeat(np.arange(50) / 100, np.arange(1, 51)).astype(np.float32).reshape(-1, 1)
    found = partial_dependence(additive, column, 0, column="c", level_codes=codes)
    assert found["labels"] == [f"level {k}" for k in range(30, 50)]


def test_a_level_that_no_code_names_is_another():
    found = partial_dependence(additive, np.array([[0.7]], dtype=np.float32), 0, column="c", level_codes={"a": 0.1})
    assert found["labels"] == ["(other)"]


def test_gaps_are_an_answer_of_their_own(matrix):
    gappy = matrix.copy()
    gappy[:500, 2] = np.nan
    found = partial_dependence(additive, gappy, 2, column="c")
    assert found["missing"]["rows_at"] == 500
    expected = (matrix[:, 0].mean() + matrix[:, 1].mean() + 0.5) / 10
    assert found["missing"]["probability"] == pytest.approx(expected, abs=0.01)
    assert sum(found["rows_at"]) == 1500


def test_a_column_of_one_value_is_one_point():
    found = partial_dependence(additive, np.full((30, 1), 4.0, dtype=np.float32), 0, column="a")
    assert (found["values"], found["probability"], found["rows_at"]) == ([4.0], [0.4], [30])


def test_a_column_of_gaps_alone_has_no_line():
    found = partial_dependence(additive, np.full((30, 1), np.nan, dtype=np.float32), 0, column="a")
    assert (found["values"], found["probability"], found["rows_at"]) == ([], [], [])
    assert found["missing"]["probability"] == 0.05


def test_the_matrix_is_left_as_it_was(matrix):
    before = matrix.copy()
    partial_dependence(additive, matrix, 0, column="a")
    assert np.array_equal(before, matrix)


def test_the_sample_follows_the_seed(matrix):
    one, same, other = (partial_dependence(additive, matrix, 0, column="a", seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one["probability"] != other["probability"]
