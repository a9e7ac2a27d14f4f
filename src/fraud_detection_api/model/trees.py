"""The trees of a booster as arrays that a program can walk."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud_detection_api.errors import CorruptBundle

NO_CHILD = -1
"""In XGBoost's JSON, the left child of a leaf."""


NODE = np.dtype(
    [
        ("threshold", np.float32),
        ("value", np.float32),
        ("cover", np.float32),
        ("left", np.int32),
        ("feature", np.int16),
        ("default_left", np.bool_),
    ],
    align=True,
)
"""A record goes to node `left` where its value of `feature` is less than `threshold`, or missing and `default_left`; else
to the one after it. A leaf leads to itself, so that a walk of enough steps ends in one whatever its own depth; its `value`
is in log-odds, and 0 at other nodes. `cover` is the sum of the Hessians of the training records that went through."""

TREE = np.dtype([("root", np.int32), ("depth", np.int32)])
"""Where among the nodes a tree begins, and the most steps to a leaf."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All nodes of all trees, each tree's one after another, siblings side by side.

    `trees` has dtype TREE and `nodes` has NODE. `base_margin` is what a forest without trees gives, in log-odds.
    """

    trees: NDArray[np.void]
    nodes: NDArray[np.void]
    features: int
    base_margin: np.float32


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
    """Trees of a binary-logistic booster. Raises CorruptBundle for any other, and for splits that are not of numbers."""
    document = json.loads(booster.save_raw(raw_format="json"))
    learner = document["learner"]
    if learner["objective"]["name"] != "binary:logistic" or learner["gradient_booster"]["name"] != "gbtree":
        raise CorruptBundle("booster", "only trees of the objective binary:logistic are scored")
    layouts = [_Layout(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    if not layouts:
        raise CorruptBundle("booster", "there are no trees")
    trees = np.zeros(len(layouts), dtype=TREE)
    trees["depth"] = [layout.depth for layout in layouts]
    sizes = [len(layout.order) for layout in layouts]
    trees["root"] = np.cumsum([0, *sizes])[:-1]
    nodes = np.zeros(sum(sizes), dtype=NODE)
    for layout, root, size in zip(layouts, trees["root"].tolist(), sizes, strict=True):
        layout.fill(nodes[root : root + size], root)
    features = int(learner["learner_model_param"]["num_feature"])
    if not 0 <= nodes["feature"].min() <= nodes["feature"].max() < features:
        raise CorruptBundle("booster", "a tree asks for a feature that there is not")
    return Trees(trees, nodes, features, _base_margin(document, features))


def replace_trees(document: dict[str, Any], trees: list[dict[str, Any]]) -> None:
    """Put other trees, one a round, into XGBoost's JSON of a model."""
    forest = document["learner"]["gradient_booster"]["model"]
    forest["trees"] = trees
    forest["tree_info"] = [0] * len(trees)
    forest["iteration_indptr"] = list(range(len(trees) + 1))
    forest["gbtree_model_param"]["num_trees"] = str(len(trees))


class _Layout:
    """A tree of XGBoost's JSON, breadth first: `order` holds its nodes' numbers there, siblings side by side."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        if any(tree["split_type"]):
            raise CorruptBundle("booster", "only splits of numbers are scored")
        self._tree = tree
        self.order, self._left, self.depth = [0], [0], 0
        lefts, rights = tree["left_children"], tree["right_children"]
        level = [0]  # places in `order`
        while level := list(self._below(level, lefts, rights)):
            self.depth += 1

    def _below(self, level: list[int], lefts: list[int], rights: list[int]) -> Iterator[int]:
        for place in level:
            node = self.order[place]
            if lefts[node] == NO_CHILD:
                continue
            self._left[place] = len(self.order)
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
        conditions = np.array(tree["split_conditions"], dtype=np.float32)[order]
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
