"""A folder on a disk and a folder of object storage are the same place to whoever reads and writes files there."""

import pickle
from pathlib import Path

import pytest

from fraud_detection_api.container.places import open_delta_target, open_place
from fraud_detection_api.errors import InvalidDataset


@pytest.fixture(params=["disk", "S3", "Delta"])
def place(request, tmp_path):
    """A folder of the test's own, with a name that object storage has to escape."""
    if request.param == "S3":
        return open_place(f"{request.getfixturevalue('s3').bucket()}/läns 2024", patience_seconds=20)
    folder = str(tmp_path / "läns 2024")
    return open_place(folder) if request.param == "disk" else open_delta_target(folder, "run-1")


def fill(place, *names: str) -> None:
    for name in names:
        with place.written(name) as path:
            path.write_text(name)


def test_what_is_written_is_read(place):
    fill(place, "day=1/a.csv")
    with place.fetched("day=1/a.csv") as path:
        assert (path.suffix, path.read_text()) == (".csv", "day=1/a.csv")
    assert place.read("day=1/a.csv") == b"day=1/a.csv"
    assert place.read("day=1/b.csv") is None


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**", ["a b.csv", "day=1%3A00/part.parquet", "day=1%3A00/é.csv", "day=2/deep/c.csv"]),
        ("*.csv", ["a b.csv"]),
        ("**/*.csv", ["a b.csv", "day=1%3A00/é.csv", "day=2/deep/c.csv"]),
        ("day=*/*.csv", ["day=1%3A00/é.csv"]),
        ("day=[23]/**", ["day=2/deep/c.csv"]),
        ("a b.csv", ["a b.csv"]),
        ("a.csv", []),
        ("day=2", []),
    ],
)
def test_parts_are_those_that_match_and_are_not_hidden(pattern, found, place):
    fill(place, "day=2/deep/c.csv", "a b.csv", "day=1%3A00/é.csv", "day=1%3A00/part.parquet")
    fill(place, ".crc", "_SUCCESS", "_delta_log/0.csv", "day=2/_temporary/d.csv", "day=2/.hidden/e.csv")
    parts = place.parts(pattern)
    assert [part.name for part in parts] == found
    assert [part.size for part in parts] == [len(name.encode()) for name in found]


def test_a_place_that_does_not_exist_yet_has_no_parts(place):
    assert place.parts() == []
    assert place.read("a.csv") is None


def test_a_version_changes_when_the_content_does(place):
    fill(place, "a.csv", "b.csv")
    before = place.parts()
    with place.written("a.csv") as path:
        path.write_text("another size")
    after = place.parts()
    assert [one.version == other.version for one, other in zip(before, after, strict=True)] == [False, True]


def test_what_fails_while_it_is_written_does_not_appear(place):
    fill(place, "a.csv")
    with pytest.raises(ZeroDivisionError), place.written("a.csv") as path:  # noqa: PT012
        path.write_text("half")
        raise ZeroDivisionError
    assert place.read("a.csv") == b"a.csv"
    assert [part.name for part in place.parts()] == ["a.csv"]


def test_a_part_that_was_removed_meanwhile_is_named(place):
    fill(place, "a.csv")
    with pytest.raises(InvalidDataset, match=r"a\.csv"), place.fetched("gone/a.csv"):
        raise AssertionError("the block is not entered")


def test_another_process_gets_the_same_place(place):
    fill(place, "a.csv")
    other = pickle.loads(pickle.dumps(place))
    assert other.parts() == place.parts()
    assert str(other) == str(place)


def test_a_file_holds_all_of_its_columns(place):
    fill(place, "a.csv")
    assert place.constants("a.csv", ["id"]) == {}


def test_a_large_file_arrives_as_it_was(place):
    content = bytes(range(256)) * 80_000  # 20 MB: several pieces
    with place.written("large.parquet") as path:
        path.write_bytes(content)
    with place.fetched("large.parquet") as path:
        assert path.read_bytes() == content


def test_a_scratch_file_is_removed_after_use(s3, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = open_place(s3.bucket())
    fill(place, "a.csv")
    with place.fetched("a.csv") as path:
        assert Path(path).is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []
