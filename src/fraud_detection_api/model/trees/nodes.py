"""The trees of a booster as arrays that a program can walk."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
is in log-odds, and 0 at other nodes. `cover` is the sum of the Hessians of the training records that went through. A
category's threshold is the number of a set of levels: a level of the set goes right, any other value left."""

TREE = np.dtype([("root", np.int32), ("depth", np.int32)])
"""Where among the nodes a tree begins, and the most steps to a leaf."""

_UNREADABLE = (zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError)
"""Besides ValueError, what `zipfile` and NumPy raise for other archives: encrypted, of another method, of absurd sizes."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All nodes of all trees, each tree's one after another, siblings side by side.

    `trees` has dtype TREE and `nodes` has NODE. `base_margin` is what a forest without trees gives, in log-odds. `levels`
    int32 (features,) is the number of a category's levels, which are the values 0, 1, …; 0 for a number. `sets` bool (sets,
    most levels) says which levels each set has.
    """

    trees: NDArray[np.void]
    nodes: NDArray[np.void]
    levels: NDArray[np.int32]
    sets: NDArray[np.bool_]
    base_margin: np.float32

    @property
    def features(self) -> int:
        """Columns of the matrix."""
        return len(self.levels)

    def as_bytes(self) -> bytes:
        """The arrays, a field each, as NumPy's `.npz`; the same bytes for the same trees.

        Trees that split only numbers have the fields that they had before there were sets.
        """
        fields = {name: array[name] for array in (self.trees, self.nodes) for name in array.dtype.names or ()}
        if self.levels.any():
            fields |= {"levels": self.levels, "sets": np.packbits(self.sets, axis=1)}
        content = BytesIO()
        np.savez(content, allow_pickle=False, features=np.int64(self.features), base_margin=self.base_margin, **fields)
        return content.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Trees":
        """The trees that `as_bytes` wrote. Raises ValueError for anything else, and where a walk could leave the nodes."""
        try:
            with np.load(BytesIO(content), allow_pickle=False) as fields:
                trees, nodes = _records(TREE, fields), _records(NODE, fields)
                found = cls(trees, nodes, *_categories(fields), np.float32(fields["base_margin"]))
        except (*_UNREADABLE, LookupError, EOFError, OSError, TypeError) as error:
            raise ValueError("the trees cannot be read") from error
        found._require_sound()
        return found

    def _require_sound(self) -> None:
        """Raise ValueError unless every walk stays among the nodes and ends: compiled loops look at no bound."""
        own, left, feature = np.arange(len(self.nodes)), self.nodes["left"], self.nodes["feature"]
        leaf = (left == own) & self.nodes["default_left"] & np.isposinf(self.nodes["threshold"])
        below = (left > own) & (left < len(own) - 1)
        roots = self.trees["root"]
        if not (
            len(roots)
            and np.all(leaf | below)
            and np.all((feature >= 0) & (feature < self.features))
            and np.all(np.diff(np.append(roots, len(own))) > 0)
            and roots[0] == 0
            and np.all((self.trees["depth"] >= 0) & (self.trees["depth"] < len(own)))
            and np.isfinite(self.base_margin)
            and self._have_sets(np.flatnonzero(~leaf))
        ):
            raise ValueError("a walk through the trees could leave them")

    def _have_sets(self, splitting: NDArray[np.int64]) -> bool:
        """Whether there is a set for each split of a category, and a place in it for each level."""
        numbers = self.nodes["threshold"][splitting][self.levels[self.nodes["feature"][splitting]] > 0]
        among = (numbers >= 0) & (numbers < len(self.sets)) & (numbers == np.floor(numbers))
        return bool(np.all(among) and self.levels.min() >= 0 and self.levels.max() <= self.sets.shape[1])


MOST_FEATURES = 2**15 - 1
"""A node has 16 bits for the number of its feature."""


def _categories(fields: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Levels and sets. Trees that were written without them split only numbers."""
    features = int(fields["features"])
    if "levels" not in fields:
        return no_categories(features)
    levels, packed = fields["levels"], fields["sets"]
    if levels.shape != (features,) or levels.dtype != np.int32 or packed.ndim != 2 or packed.dtype != np.uint8:
        raise ValueError("the trees are of another layout")
    return levels, np.unpackbits(packed, axis=1).astype(np.bool_)


def no_categories(features: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Levels and sets of trees that split only numbers. Raises ValueError for more than MOST_FEATURES, or none."""
    if not 0 < features <= MOST_FEATURES:
        raise ValueError("the trees are of another layout")
    return np.zeros(features, np.int32), np.zeros((0, 0), np.bool_)


def _records(layout: np.dtype[np.void], fields: Mapping[str, NDArray[Any]]) -> NDArray[np.void]:
    names = layout.names or ()
    columns = {name: fields[name] for name in names}
    lengths = {column.shape for column in columns.values()}
    if len(lengths) != 1 or any(columns[name].dtype != layout[name] or columns[name].ndim != 1 for name in names):
        raise ValueError("the trees are of another layout")
    records = np.zeros(lengths.pop(), dtype=layout)
    for name, column in columns.items():
        records[name] = column
    return records
