"""All splits of all trees in the order of what they ask, so that a record answers those that ask the same side by side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ASKED = np.dtype([("first", np.int32), ("feature", np.int16), ("default_left", np.bool_)], align=True)
"""Where the splits begin that ask one `feature` and send a missing value one way; the one after the last ends them."""


@dataclass(frozen=True, slots=True)
class Splits:
    """`asked` has dtype ASKED, one more than there are questions; `thresholds` float32 (splits,) is in their order.

    `number` uint32 (nodes,) is a node's place there; a leaf's is the one after the last.
    """

    asked: NDArray[np.void]
    thresholds: NDArray[np.float32]
    number: NDArray[np.uint32]


def sort_splits(nodes: NDArray[np.void]) -> Splits:
    """The splits among `nodes`, of dtype NODE."""
    splitting = np.flatnonzero(nodes["left"] != np.arange(len(nodes)))
    question = 2 * nodes["feature"][splitting].astype(np.int64) + nodes["default_left"][splitting]
    order = np.argsort(question, kind="stable")
    questions, first = np.unique(question[order], return_index=True)
    asked = np.zeros(len(questions) + 1, dtype=ASKED)
    asked["first"] = np.append(first, len(order))
    asked["feature"][:-1], asked["default_left"][:-1] = questions // 2, questions % 2
    number = np.full(len(nodes), len(order), dtype=np.uint32)
    number[splitting[order]] = np.arange(len(order))
    return Splits(asked, nodes["threshold"][splitting[order]], number)
