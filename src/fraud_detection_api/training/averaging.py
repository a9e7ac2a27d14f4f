"""Several boosters as one that has their mean margin."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xgboost

from fraud_detection_api.model.trees.boosters import NO_CHILD, replace_trees


def average_boosters(boosters: Sequence[xgboost.Booster]) -> xgboost.Booster:
    """One booster whose margin is the mean of the margins of `boosters`, up to the rounding of leaves to float32.

    All must be binary-logistic tree boosters of one shape with the same `base_score`: each tree's leaves are divided by
    the number of boosters and the trees are joined. Raises ValueError where the base scores differ.
    """
    models = [json.loads(booster.save_raw(raw_format="json")) for booster in boosters]
    merged = models[0]
    if len({model["learner"]["learner_model_param"]["base_score"] for model in models}) != 1:
        raise ValueError("only boosters of the same base_score can be averaged")
    trees = [tree for model in models for tree in model["learner"]["gradient_booster"]["model"]["trees"]]
    for number, tree in enumerate(trees):
        tree["id"] = number
        _divide_leaves(tree, len(models))
    replace_trees(merged, trees)
    merged["learner"]["attributes"] = {}
    return xgboost.Booster(model_file=bytearray(json.dumps(merged).encode()))


def _divide_leaves(tree: dict[str, Any], count: int) -> None:
    """In XGBoost's JSON a node without a left child is a leaf, and its value is in the split conditions."""
    for node, left in enumerate(tree["left_children"]):
        tree["base_weights"][node] = float(np.float32(tree["base_weights"][node] / count))
        if left == NO_CHILD:
            tree["split_conditions"][node] = float(np.float32(tree["split_conditions"][node] / count))
