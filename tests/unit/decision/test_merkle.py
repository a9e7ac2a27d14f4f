"""The hash tree, against the test vectors of Certificate Transparency and against its definition."""

import hashlib

import pytest

from fraud_detection_api.decision.merkle import Tree, inclusion_path, leaf_hash, root_of_path

# the leaves and roots of the reference implementation's tests (github.com/transparency-dev/merkle, testonly)
LEAVES = list(
    map(
        bytes.fromhex,
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"],
    )
)
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def hashed(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


def defined_root(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + defined_root(leaves[:half]) + defined_root(leaves[half:])).digest()


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_the_reference_implementation(size):
    assert Tree().with_leaves(map(leaf_hash, LEAVES[:size])).root.hex() == ROOTS[size]


@pytest.mark.parametrize("size", [9, 31, 32, 33, 100])
def test_a_tree_that_grew_in_steps_has_the_defined_root(size):
    leaves = hashed(size)
    grown = Tree().with_leaves(leaves[:7]).with_leaves([]).with_leaves(leaves[7:])
    assert grown == Tree().with_leaves(leaves)
    assert grown.root == defined_root(leaves)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 64, 65])
def test_a_path_leads_from_each_leaf_to_the_root_and_from_nothing_else(size):
    leaves = hashed(size)
    root = Tree().with_leaves(leaves).root
    for index, leaf in enumerate(leaves):
        path = inclusion_path(leaves, index)
        assert root_of_path(leaf, index, size, path) == root
        assert root_of_path(leaf_hash(b"another"), index, size, path) != root
        assert root_of_path(leaf, size + index, size, path) is None
        for other in ([*path, root], path[:-1] if path else [root]):
            assert root_of_path(leaf, index, size, other) != root
