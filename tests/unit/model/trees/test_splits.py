"""Splits in the order of what they ask."""

import numpy as np
import pytest

from fraud_detection_api.model.trees.boosters import read_trees
from fraud_detection_api.model.trees.splits import OTHER_ROWS, sort_splits
from support.boosters import random_booster


@pytest.mark.parametrize("depth", [1, 6])
def test_splits_that_ask_the_same_of_the_same_feature_stand_once(depth):
    trees = read_trees(random_booster(1, depth=depth, rounds=10))
    nodes, splits = trees.nodes, sort_splits(trees)
    is_leaf = nodes["left"] == np.arange(len(nodes))
    asked = nodes[["feature", "default_left", "threshold"]][~is_leaf]
    assert set(splits.number[~is_leaf]) == set(range(len(np.unique(asked)))) == set(range(len(splits.thresholds)))
    assert set(splits.number[is_leaf]) == {len(splits.thresholds)}
    for node in np.flatnonzero(~is_leaf):
        number = splits.number[node]
        question = splits.asked[np.searchsorted(splits.asked["first"], number, side="right") - 1]
        assert splits.thresholds[number] == nodes["threshold"][node]
        assert (question["feature"], question["default_left"]) == (nodes["feature"][node], nodes["default_left"][node])


def test_trees_without_splits_ask_nothing():
    splits = sort_splits(read_trees(random_booster(1, rounds=3, gamma=1e9)))
    assert not len(splits.thresholds)
    assert splits.asked["first"].tolist() == [0]
    assert not splits.number.any()


def test_a_category_has_the_answers_of_each_level_of_any_other_value_and_of_a_missing_one():
    trees = read_trees(random_booster(1, depth=4, rounds=30, levels=(9,)))
    splits = sort_splits(trees)
    of_category = np.flatnonzero(splits.asked["levels"])
    assert len(of_category)
    for number in of_category:
        question, end = splits.asked[number], splits.asked["first"][number + 1]
        sets = splits.thresholds[question["first"] : end].astype(int)
        rows = question["levels"] + OTHER_ROWS
        table = splits.answers[question["table"] :][: rows * len(sets)].reshape(rows, len(sets))
        np.testing.assert_array_equal(table[:9], trees.sets[sets, :9].T)
        assert not table[9].any()
        assert np.all(table[10] != question["default_left"])
