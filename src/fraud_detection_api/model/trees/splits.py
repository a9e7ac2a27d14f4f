"""The distinct splits of all trees, in the order of what they ask, and how a value answers those of a category."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.model.trees.nodes import Trees

ASKED = np.dtype(
    [
        ("table", np.int64),
        ("first", np.int32),
        ("levels", np.int32),
        ("feature", np.int16),
        ("default_left", np.bool_),
    ],
    align=True,
)
"""Where the splits begin that ask one `feature` and send a missing value one way; the one after the last ends them. `levels`
is 0 for a number. The splits of a category have a row of answers for each of its `levels`, one for any other value and one
for a missing value; the rows stand one after another in `Splits.answers`, from `table` on."""

STEP = np.dtype([("left", np.uint32), ("split", np.uint32), ("value", np.float32)], align=True)
"""A node as a walk reads it: its left child or, of a leaf, itself; the number of its split; a leaf's log-odds."""

OTHER_ROWS = 2
"""Rows of answers after those of the levels: for any other value, and for a missing one."""


@dataclass(frozen=True, slots=True)
class Splits:
    """`asked` has dtype ASKED, one more than there are questions; `thresholds` float32 (splits,) is in their order.

    `number` uint32 (nodes,) is a node's place there; a leaf's is the one after the last. Nodes that ask the same share one.
    `answers` uint8 says whether a level goes right.
    """

    asked: NDArray[np.void]
    thresholds: NDArray[np.float32]
    answers: NDArray[np.uint8]
    number: NDArray[np.uint32]

    def steps(self, trees: Trees) -> NDArray[np.void]:
        """The nodes of `trees` as STEP."""
        steps = np.zeros(len(trees.nodes), dtype=STEP)
        steps["left"], steps["split"], steps["value"] = trees.nodes["left"], self.number, trees.nodes["value"]
        return steps


def sort_splits(trees: Trees) -> Splits:
    """The splits of all trees."""
    nodes = trees.nodes
    splitting = np.flatnonzero(nodes["left"] != np.arange(len(nodes)))
    question = 2 * nodes["feature"][splitting].astype(np.int64) + nodes["default_left"][splitting]
    pairs = np.column_stack([question, nodes["threshold"][splitting]])
    found, place = np.unique(pairs, axis=0, return_inverse=True)
    questions, first = np.unique(found[:, 0].astype(np.int64), return_index=True)
    asked = np.zeros(len(questions) + 1, dtype=ASKED)
    asked["first"] = np.append(first, len(found))
    asked["feature"][:-1], asked["default_left"][:-1] = questions // 2, questions % 2
    asked["levels"][:-1] = trees.levels[questions // 2]
    number = np.full(len(nodes), len(found), dtype=np.uint32)
    number[splitting] = place.reshape(-1)
    thresholds = np.ascontiguousarray(found[:, 1], dtype=np.float32)
    return Splits(asked, thresholds, _answers(trees, asked, thresholds), number)


def _answers(trees: Trees, asked: NDArray[np.void], thresholds: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The answers of all categories; writes into `asked` where those of each begin."""
    tables, entries = [np.empty(0, np.uint8)], 0
    for question, end in zip(asked[:-1], asked["first"][1:], strict=True):
        if question["levels"]:
            sets = thresholds[question["first"] : end].astype(np.int64)
            table = np.zeros((question["levels"] + OTHER_ROWS, len(sets)), np.uint8)
            table[:-OTHER_ROWS] = trees.sets[sets, : question["levels"]].T
            table[-1] = not question["default_left"]
            question["table"] = entries
            tables.append(table.reshape(-1))
            entries += table.size
    return np.concatenate(tables)
