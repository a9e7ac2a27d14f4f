"""Splits in the order of what they ask."""

import numpy as np
import pytest

from fraud_detection_api.model.trees.boosters import read_trees
from fraud_detection_api.model.trees.groups import sort_splits
from support.boosters import random_booster


@pytest.mark.parametrize("depth", [1, 6])
def test_splits_that_ask_the_same_of_the_same_feature_stand_once(depth):
    nodes = read_trees(random_booster(1, depth=depth, rounds=10)).nodes
    splits = sort_splits(nodes)
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
    nodes = read_trees(random_booster(1, rounds=3, gamma=1e9)).nodes
    splits = sort_splits(nodes)
    assert not len(splits.thresholds)
    assert splits.asked["first"].tolist() == [0]
    assert not splits.number.any()
