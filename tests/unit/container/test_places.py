"""What a person names is opened: a file, a folder, a glob or a Delta table, on a disk and in object storage."""

import sys

import polars as pl
import pytest
from deltalake import write_deltalake

from fraud_detection_api.adapters import object_storage
from fraud_detection_api.container.places import open_delta, open_parts, open_place
from fraud_detection_api.container.workers import build_workers
from fraud_detection_api.errors import InvalidDataset, InvalidSetting, MissingExtra


@pytest.fixture(params=["disk", "S3"])
def folder(request, tmp_path) -> str:
    """With day=1/a.csv, day=2/b.csv, and the file x.csv."""
    folder = str(tmp_path) if request.param == "disk" else request.getfixturevalue("s3").bucket()
    place = open_place(f"{folder}/loans")
    for name in ("day=1/a.csv", "day=2/b.csv", "x.csv"):
        with place.written(name) as path:
            path.write_text("1")
    return folder


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("loans", ["day=1/a.csv", "day=2/b.csv", "x.csv"]),
        ("loans/", ["day=1/a.csv", "day=2/b.csv", "x.csv"]),
        ("loans/x.csv", ["x.csv"]),
        ("loans/day=*/*.csv", ["day=1/a.csv", "day=2/b.csv"]),
        ("loans/day=2/*", ["b.csv"]),
        ("none/x.csv", []),
        ("none", []),
    ],
)
def test_what_a_person_names_is_found(text, found, folder):
    place, pattern = open_parts(f"{folder}/{text}")
    assert [part.name for part in place.parts(pattern)] == found


def test_a_name_with_wildcards_that_exists_is_that_file(tmp_path):
    (tmp_path / "loans[1].csv").write_text("1")
    place, pattern = open_parts(str(tmp_path / "loans[1].csv"))
    with place.fetched(pattern) as path:
        assert path.name == "loans[1].csv"


@pytest.mark.parametrize("glob", ["", "/*.parquet"])
def test_a_folder_with_a_delta_log_is_its_latest_version_and_never_its_files(glob, tmp_path):
    table = str(tmp_path / "loans")
    for number in (1, 2):
        write_deltalake(table, pl.DataFrame({"id": [number]}), mode="overwrite")
    place, pattern = open_parts(table + glob)
    (part,) = place.parts(pattern)
    with place.fetched(part.name) as path:
        assert pl.read_parquet(path)["id"].to_list() == [2]


def test_without_the_extra_a_delta_table_is_not_taken_for_files(tmp_path, monkeypatch):
    write_deltalake(str(tmp_path / "loans"), pl.DataFrame({"id": [1]}))
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(MissingExtra) as caught:
        open_parts(str(tmp_path / "loans"))
    assert caught.value.extra == "delta"


def test_a_folder_without_a_log_is_no_delta_table(folder):
    with pytest.raises(InvalidDataset, match="is no Delta table"):
        open_delta(f"{folder}/loans")


@pytest.mark.parametrize("url", ["az://box?sig=SECRET", "s3://box/a/*.csv?X-Amz-Signature=SECRET", "s3://box/x#SECRET"])
def test_what_may_hold_a_credential_is_refused_and_not_repeated(url):
    with pytest.raises(InvalidSetting) as refused:
        open_parts(url)
    assert "SECRET" not in str(refused.value)


def test_a_cluster_whose_address_holds_a_credential_is_refused_and_not_repeated():
    with pytest.raises(InvalidSetting) as refused:
        build_workers("ray", address="user:SECRET@host:6379")
    assert "SECRET" not in str(refused.value)


def test_a_url_of_another_kind_is_refused():
    with pytest.raises(InvalidSetting, match="s3://"):
        open_place("ftp://host/a")


def test_object_storage_without_the_extra_names_it(monkeypatch):
    object_storage._opened.cache_clear()
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingExtra):
        open_place("s3://bucket/a")
