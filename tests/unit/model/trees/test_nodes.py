"""Trees as arrays: kept to the bit, and never walked where a walk could leave them."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.model.trees.nodes import Trees
from support.boosters import as_bytes, margins_of, random_booster, random_matrix


@pytest.fixture(scope="module")
def trees() -> Trees:
    return Forest.of_booster(as_bytes(random_booster(3))).trees


@pytest.fixture(scope="module")
def trees_of_categories() -> Trees:
    return Forest.of_booster(as_bytes(random_booster(3, levels=(9, 70), features=1))).trees


def fields_of(trees: Trees) -> dict[str, np.ndarray]:
    with np.load(BytesIO(trees.as_bytes())) as fields:
        return dict(fields)


def changed(trees: Trees, field: str, place: int, value: float) -> bytes:
    nodes = trees.nodes.copy()
    nodes[field][place] = value
    return replace(trees, nodes=nodes).as_bytes()


@pytest.mark.parametrize("kind", ["trees", "trees_of_categories"])
def test_trees_come_back_to_the_bit(kind, request):
    trees = request.getfixturevalue(kind)
    again = Trees.from_bytes(trees.as_bytes())
    np.testing.assert_array_equal(again.trees, trees.trees)
    np.testing.assert_array_equal(again.nodes, trees.nodes)
    np.testing.assert_array_equal(again.levels, trees.levels)
    np.testing.assert_array_equal(again.sets[:, : trees.sets.shape[1]], trees.sets)
    assert again.base_margin == trees.base_margin
    assert again.as_bytes() == trees.as_bytes()


def test_trees_from_arrays_give_the_boosters_margins_without_it(trees):
    booster, matrix = random_booster(3), random_matrix(4, 100)
    forest = Forest(Trees.from_bytes(trees.as_bytes()), b"never looked at")
    np.testing.assert_array_equal(forest.margins(matrix), margins_of(booster, matrix))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80garbage", b"\x93NUMPY"])
def test_what_is_no_archive_of_arrays_is_refused(content):
    with pytest.raises(ValueError):
        Trees.from_bytes(content)


def test_half_an_archive_is_refused(trees):
    content = trees.as_bytes()
    with pytest.raises(ValueError):
        Trees.from_bytes(content[: len(content) // 2])


def test_pickled_objects_are_refused(tmp_path, trees):
    path = tmp_path / "forest.npz"
    np.savez(path, **{**fields_of(trees), "root": np.array([object()], dtype=object)})
    with pytest.raises(ValueError):
        Trees.from_bytes(path.read_bytes())


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", -1), ("left", 10**6), ("left", 0), ("feature", -1), ("feature", 99)],
)
def test_a_node_that_leads_out_of_the_trees_is_refused(trees, field, value):
    inner = 1 + int(np.flatnonzero(trees.nodes["left"][1:] != np.arange(1, len(trees.nodes)))[0])
    with pytest.raises(ValueError, match="could leave"):
        Trees.from_bytes(changed(trees, field, inner, value))


def test_a_split_whose_right_child_would_follow_the_last_node_is_refused(trees):
    with pytest.raises(ValueError, match="could leave"):
        Trees.from_bytes(changed(trees, "left", 0, len(trees.nodes) - 1))


def test_a_leaf_that_a_walk_would_leave_is_refused(trees):
    leaf = int(np.flatnonzero(trees.nodes["left"] == np.arange(len(trees.nodes)))[-1])
    with pytest.raises(ValueError, match="could leave"):
        Trees.from_bytes(changed(trees, "threshold", leaf, 0.5))


def test_roots_in_disorder_are_refused(trees):
    roots = trees.trees.copy()
    roots["root"] = roots["root"][::-1]
    with pytest.raises(ValueError, match="could leave"):
        Trees.from_bytes(replace(trees, trees=roots).as_bytes())


@pytest.mark.parametrize(
    ("name", "column"),
    [("value", np.zeros(3)), ("left", np.zeros((2, 2), np.int32)), ("cover", np.zeros(3, np.float32))],
)
def test_arrays_of_another_layout_are_refused(tmp_path, trees, name, column):
    path = tmp_path / "forest.npz"
    np.savez(path, **{**fields_of(trees), name: column})
    with pytest.raises(ValueError, match="another layout"):
        Trees.from_bytes(path.read_bytes())


def test_an_array_that_is_missing_is_refused(tmp_path, trees):
    path = tmp_path / "forest.npz"
    np.savez(path, **{name: column for name, column in fields_of(trees).items() if name != "cover"})
    with pytest.raises(ValueError, match="cannot be read"):
        Trees.from_bytes(path.read_bytes())


def test_trees_of_numbers_are_written_as_before_there_were_sets(trees):
    assert not {"levels", "sets"} & set(fields_of(trees))


@pytest.mark.parametrize("number", [-1.0, 0.5, 1e6, np.nan, np.inf])
def test_a_split_of_a_category_without_a_set_is_refused(trees_of_categories, number):
    nodes = trees_of_categories.nodes
    splits = np.flatnonzero((nodes["left"] != np.arange(len(nodes))) & (nodes["feature"] < 2))
    with pytest.raises(ValueError, match="could leave"):
        Trees.from_bytes(changed(trees_of_categories, "threshold", splits[0], number))


@pytest.mark.parametrize("levels", [-1, 1000])
def test_more_levels_than_the_sets_have_are_refused(trees_of_categories, levels):
    counts = np.where(np.arange(3) == 0, levels, trees_of_categories.levels).astype(np.int32)
    with pytest.raises(ValueError, match="could leave"):
        Trees.from_bytes(replace(trees_of_categories, levels=counts).as_bytes())


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("levels", np.zeros(2, np.int32)),
        ("levels", np.zeros(3, np.int64)),
        ("sets", np.zeros(3, np.uint8)),
        ("sets", np.zeros((3, 9), np.bool_)),
    ],
)
def test_sets_of_another_layout_are_refused(tmp_path, trees_of_categories, name, column):
    path = tmp_path / "forest.npz"
    np.savez(path, **{**fields_of(trees_of_categories), name: column})
    with pytest.raises(ValueError, match="another layout"):
        Trees.from_bytes(path.read_bytes())
