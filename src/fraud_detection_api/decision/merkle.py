"""A hash tree over a list that only grows, as Certificate Transparency has it. Source: RFC 9162, 2.1."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

HASH_BYTES = 32
_EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(content: bytes) -> bytes:
    """The hash of an entry of the list, 32 bytes."""
    return hashlib.sha256(b"\0" + content).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree(NamedTuple):
    """A tree over the first `size` leaves, of which it remembers the roots of its full subtrees, the largest first.

    >>> one = Tree().with_leaves([leaf_hash(b"")])
    >>> one.size, one.root.hex()[:16]
    (1, '6e340b9cffb37a98')
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it has a peak for each full subtree."""
        return self.size >= 0 and len(self.peaks) == self.size.bit_count()

    def with_leaves(self, leaves: Iterable[bytes]) -> "Tree":
        """The tree after these leaves were appended, given as their hashes."""
        sha256, peaks, size = hashlib.sha256, list(self.peaks), self.size
        for leaf in leaves:
            node, full = leaf, size
            while full & 1:
                node, full = sha256(b"\1" + peaks.pop() + node).digest(), full >> 1
            peaks.append(node)
            size += 1
        return Tree(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The hash of all leaves, 32 bytes."""
        if not self.peaks:
            return _EMPTY
        *larger, root = self.peaks
        for peak in reversed(larger):
            root = _node_hash(peak, root)
        return root


def inclusion_path(leaves: Iterable[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root of the tree over `leaves`, from the bottom up.

    >>> leaves = [leaf_hash(bytes([number])) for number in range(5)]
    >>> root_of_path(leaves[3], 3, 5, inclusion_path(leaves, 3)) == Tree().with_leaves(leaves).root
    True
    """
    path: list[bytes] = []
    peaks: list[tuple[bytes, bool]] = []  # with whether the leaf is below it
    for number, leaf in enumerate(leaves):
        node, full = (leaf, number == index), number
        while full & 1:
            node, full = _joined(peaks.pop(), node, path), full >> 1
        peaks.append(node)
    while len(peaks) > 1:
        right = peaks.pop()
        peaks.append(_joined(peaks.pop(), right, path))
    return path


def _joined(left: tuple[bytes, bool], right: tuple[bytes, bool], path: list[bytes]) -> tuple[bytes, bool]:
    """The node above two; where the leaf is below one of them, the other is on the path."""
    if left[1] or right[1]:
        path.append(right[0] if left[1] else left[0])
    return _node_hash(left[0], right[0]), left[1] or right[1]


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that the path leads to from a leaf's hash; None where no such path exists. Source: RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return None
    node, first, last = leaf, index, size - 1
    for beside in path:
        if last == 0:
            return None
        if first & 1 or first == last:
            node = _node_hash(beside, node)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            node = _node_hash(node, beside)
        first, last = first >> 1, last >> 1
    return node if last == 0 else None
