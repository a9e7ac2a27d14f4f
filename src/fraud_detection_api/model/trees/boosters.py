"""XGBoost's own model of the trees: read, taken apart, and scored with where compiled loops cannot be had."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.model.trees.nodes import NODE, TREE, Trees, no_categories

NO_CHILD = -1
"""In XGBoost's JSON, the left child of a leaf."""


def load_booster(model: bytes) -> xgboost.Booster:
    """Booster from UBJSON as `xgboost.Booster.save_raw` writes it. Raises CorruptBundle where XGBoost cannot read it."""
    if not model:  # XGBoost 3.2 ends the process over an empty model instead of raising
        raise CorruptBundle("booster", "the trees cannot be read")
    try:
        booster = xgboost.Booster(model_file=bytearray(model))
    except (xgboost.core.XGBoostError, ValueError):
        raise CorruptBundle("booster", "the trees cannot be read") from None
    booster.set_param({"nthread": 1})
    return booster


def read_trees(booster: xgboost.Booster) -> Trees:
    """Trees of a binary-logistic booster. Raises CorruptBundle for any other."""
    document = json.loads(booster.save_raw(raw_format="json"))
    learner = document["learner"]
    if learner["objective"]["name"] != "binary:logistic" or learner["gradient_booster"]["name"] != "gbtree":
        raise CorruptBundle("booster", "only trees of the objective binary:logistic are scored")
    documents = learner["gradient_booster"]["model"]["trees"]
    if not documents:
        raise CorruptBundle("booster", "there are no trees")
    categories = _Categories(int(learner["learner_model_param"]["num_feature"]))
    layouts = [_Layout(tree, categories) for tree in documents]
    trees = np.zeros(len(layouts), dtype=TREE)
    trees["depth"] = [layout.depth for layout in layouts]
    sizes = [len(layout.order) for layout in layouts]
    trees["root"] = np.cumsum([0, *sizes])[:-1]
    nodes = np.zeros(sum(sizes), dtype=NODE)
    for layout, root, size in zip(layouts, trees["root"].tolist(), sizes, strict=True):
        layout.fill(nodes[root : root + size], root)
    levels, sets = categories.arrays()
    return Trees(trees, nodes, levels, sets, _base_margin(document, len(levels)))


def replace_trees(document: dict[str, Any], trees: list[dict[str, Any]]) -> None:
    """Put other trees, one a round, into XGBoost's JSON of a model."""
    forest = document["learner"]["gradient_booster"]["model"]
    forest["trees"] = trees
    forest["tree_info"] = [0] * len(trees)
    forest["iteration_indptr"] = list(range(len(trees) + 1))
    forest["gbtree_model_param"]["num_trees"] = str(len(trees))


class _Categories:
    """The sets of levels that the splits of `features` columns ask for, each once."""

    def __init__(self, features: int) -> None:
        self._features = features
        self._numbers: dict[tuple[int, ...], int] = {}
        self._levels, self._split_numbers = dict[int, int](), set[int]()

    def conditions(self, tree: Mapping[str, Any]) -> list[float]:
        """A tree's thresholds, in which a split of a category has the number of its set."""
        found: list[float] = list(tree["split_conditions"])
        of_sets = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
        for node, begin, size in of_sets:
            levels, feature = tuple(tree["categories"][begin : begin + size]), tree["split_indices"][node]
            found[node] = self._numbers.setdefault(levels, len(self._numbers))
            self._levels[feature] = max(self._levels.get(feature, 0), 1 + max(levels, default=0))
        others = zip(tree["left_children"], tree["split_type"], tree["split_indices"], strict=True)
        self._split_numbers |= {feature for left, kind, feature in others if left != NO_CHILD and not kind}
        return found

    def arrays(self) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Levels and sets as `Trees` has them."""
        asked = self._split_numbers | set(self._levels)
        if asked and not 0 <= min(asked) <= max(asked) < self._features:
            raise CorruptBundle("booster", "a tree asks for a feature that there is not")
        if self._split_numbers & set(self._levels):
            raise CorruptBundle("booster", "a feature is a number in one tree and a category in another")
        levels, sets = no_categories(self._features)
        if not self._levels:
            return levels, sets
        for feature, count in self._levels.items():
            levels[feature] = count
        sets = np.zeros((len(self._numbers), levels.max()), np.bool_)
        for members, number in self._numbers.items():
            sets[number, list(members)] = True
        return levels, sets


class _Layout:
    """A tree of XGBoost's JSON, breadth first: `order` holds its nodes' numbers there, siblings side by side."""

    def __init__(self, tree: Mapping[str, Any], categories: _Categories) -> None:
        self._tree, self._conditions = tree, categories.conditions(tree)
        self.order, self._left, self.depth = [0], [0], 0
        lefts, rights = tree["left_children"], tree["right_children"]
        level = [0]  # indexes into `order`
        while level := list(self._below(level, lefts, rights)):
            self.depth += 1

    def _below(self, level: list[int], lefts: list[int], rights: list[int]) -> Iterator[int]:
        for index in level:
            node = self.order[index]
            if lefts[node] == NO_CHILD:
                continue
            self._left[index] = len(self.order)
            for child in (lefts[node], rights[node]):
                yield len(self.order)
                self._left.append(len(self.order))
                self.order.append(child)

    def fill(self, nodes: NDArray[np.void], root: int) -> None:
        """Write the tree into `nodes`, which begin at number `root` of all."""
        tree, order = self._tree, self.order
        left = np.array(self._left)
        leaf = left == np.arange(len(left))
        # XGBoost keeps a leaf's value where other nodes keep their threshold
        conditions = np.array(self._conditions, dtype=np.float32)[order]
        nodes["threshold"] = np.where(leaf, np.inf, conditions)
        nodes["value"] = np.where(leaf, conditions, 0)
        nodes["cover"] = np.array(tree["sum_hessian"], dtype=np.float32)[order]
        nodes["left"] = left + root
        nodes["feature"] = np.where(leaf, 0, np.array(tree["split_indices"])[order])
        nodes["default_left"] = leaf | np.array(tree["default_left"], dtype=np.bool_)[order]


def _base_margin(document: dict[str, Any], features: int) -> np.float32:
    """What XGBoost itself makes of the base score: the margin of the first tree alone, with leaves of 0."""
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    leaves = [left == NO_CHILD for left in tree["left_children"]]
    conditions = [0.0 if leaf else condition for leaf, condition in zip(leaves, tree["split_conditions"], strict=True)]
    replace_trees(document, [tree | {"split_conditions": conditions}])
    bare = load_booster(json.dumps(document).encode())
    return np.float32(bare.inplace_predict(np.zeros((1, features), np.float32), predict_type="margin")[0])


class XGBoostTrees:
    """The booster itself, where its trees cannot be walked by compiled loops."""

    def __init__(self, booster: xgboost.Booster, features: int) -> None:
        self._booster, self._features = booster, features

    def margins(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(matrix):
            return np.empty(0, dtype=np.float32)
        margins: NDArray[np.float32] = self._booster.inplace_predict(
            matrix, predict_type="margin", validate_features=False
        )
        return margins

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        if not len(matrix):
            return np.empty(matrix.shape, dtype=np.float64)
        rows = xgboost.DMatrix(matrix, nthread=1)
        found: NDArray[np.float32] = self._booster.predict(rows, pred_contribs=True, validate_features=False)
        return found[:, :-1].astype(np.float64)
