"""A file is read in pieces, and neither the dataset nor what is told of its faults shows where one piece ended."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from fraud_detection_api.training.data import load
from fraud_detection_api.training.data.load import dataset_from_frame, load_dataset
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import every_dtype_contract, every_dtype_frame

EVERY_DTYPE = every_dtype_contract()
ROWS = 103  # of which no size of piece below is a divisor


def in_pieces_of(rows: int, monkeypatch) -> None:
    monkeypatch.setattr(load, "CHUNK_ROWS", rows)


def assert_same(one, other) -> None:
    assert one.digest == other.digest
    assert one.records.column_names == other.records.column_names
    assert one.records.levels == other.records.levels
    for field in ("rows", "is_fraud", "entity", "seconds"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    np.testing.assert_array_equal(one.records.matrix, other.records.matrix)
    for name, seconds in one.records.times.items():
        np.testing.assert_array_equal(seconds, other.records.times[name])


@pytest.mark.parametrize("piece", [1, 10, 50])
def test_several_pieces_are_the_dataset_that_one_is(monkeypatch, piece):
    whole = dataset_from_frame(every_dtype_frame(ROWS), EVERY_DTYPE, source="x")
    in_pieces_of(piece, monkeypatch)
    assert_same(whole, dataset_from_frame(every_dtype_frame(ROWS), EVERY_DTYPE, source="x"))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_in_pieces_is_the_dataset_that_its_frame_is(monkeypatch, tmp_path, suffix):
    frame, path = every_dtype_frame(ROWS), tmp_path / f"data.{suffix}"
    getattr(frame, f"write_{suffix}")(path)
    whole = dataset_from_frame(frame, EVERY_DTYPE, source="x")
    in_pieces_of(25, monkeypatch)
    assert_same(whole, load_dataset(path, EVERY_DTYPE))


def problems_of(frame: pl.DataFrame) -> tuple[str, ...]:
    with pytest.raises(InvalidDataset) as caught:
        dataset_from_frame(frame, EVERY_DTYPE, source="x")
    return caught.value.problems


def with_gaps(frame: pl.DataFrame, column: str, rows: list[int]) -> pl.DataFrame:
    """The frame without the values of some rows, which are numbered from 1."""
    values = [None if number in rows else value for number, value in enumerate(frame[column].to_list(), 1)]
    return frame.with_columns(pl.Series(column, values, dtype=frame[column].dtype))


def written(folder: Path) -> Path:
    path = folder / "data.parquet"
    every_dtype_frame(ROWS).write_parquet(path)
    return path


def test_records_in_a_file_are_those_in_memory(tmp_path):
    path = written(tmp_path)
    outside = load_dataset(path, EVERY_DTYPE, folder=tmp_path)
    assert_same(load_dataset(path, EVERY_DTYPE), outside)
    assert isinstance(outside.records.matrix, np.memmap)


def test_a_disk_without_room_for_the_records_is_told_before_they_are_read(tmp_path, monkeypatch):
    path = written(tmp_path)
    monkeypatch.setattr(load.shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1))
    with pytest.raises(FilesUnavailable, match="TMPDIR"):
        load_dataset(path, EVERY_DTYPE, folder=tmp_path)
    assert not (tmp_path / "records.npy").exists()


def test_faults_of_all_pieces_are_counted_together_by_the_rows_of_the_file(monkeypatch):
    broken = with_gaps(every_dtype_frame(ROWS), "amount_eur", [3, 40, 41, 90])
    broken = with_gaps(broken, "applied_at", [100])
    whole = problems_of(broken)
    in_pieces_of(10, monkeypatch)
    assert set(problems_of(broken)) == set(whole)
    assert "amount_eur is empty and the contract does not say nullable = true: 4 rows (3, 40, 41, 90)" in whole
    assert "applied_at is empty: 1 row (100)" in whole


def test_broken_rules_of_all_pieces_are_counted_together(monkeypatch):
    in_pieces_of(10, monkeypatch)
    broken = every_dtype_frame(ROWS).with_columns(amount_eur=pl.lit(0.5))
    assert problems_of(broken) == (f"instalments must be at most amount_eur: {ROWS} rows (1, 2, 3, 4, 5, …)",)


def test_rules_are_told_of_whole_files_only_where_no_column_is_at_fault(monkeypatch):
    broken = with_gaps(every_dtype_frame(ROWS).with_columns(amount_eur=pl.lit(0.5)), "instalments", [1])
    whole = problems_of(broken)
    in_pieces_of(10, monkeypatch)
    assert problems_of(broken) == whole
    assert len(whole) == 1


def test_a_missing_category_is_not_the_level_called_none():
    toml = 'name = "x"\n[target]\nname = "bad"\n[features.level]\ndtype = "category"\nnullable = true\n'
    contract = contract_from_toml(toml, source="x.toml")
    frames = [pl.DataFrame({"level": [level, "b"], "bad": [0, 1]}) for level in ("None", None)]
    assert len({dataset_from_frame(frame, contract, source="x").digest for frame in frames}) == 2


def entities_of(ids, dtype: str = "str", path=None):
    """Entities of records with these ids, from a frame, or from a file at `path`."""
    toml = f'name = "x"\n[id]\nname = "who"\ndtype = "{dtype}"\n[target]\nname = "bad"\n[features.x]\ndtype = "float"\n'
    contract = contract_from_toml(toml, source="x.toml")
    frame = pl.DataFrame({"who": ids, "x": np.arange(len(ids), dtype=float), "bad": np.arange(len(ids)) % 2})
    if path is None:
        return dataset_from_frame(frame, contract, source="x").entity.tolist()
    getattr(frame, f"write_{path.suffix[1:]}")(path)
    return load_dataset(path, contract).entity.tolist()


def groups(entities) -> list[int]:
    """For each record, the first one of the same entity."""
    return [entities.index(entity) for entity in entities]


@pytest.mark.parametrize(("ids", "dtype"), [(["b", "a", "b", " a "], "str"), ([10, 9, 10, 9], "int")])
def test_records_of_the_same_id_are_of_one_entity(ids, dtype):
    assert groups(entities_of(ids, dtype)) == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        (["a", None, None, "a"], "str"),
        (["a", "", " ", "a"], "str"),
        ([7, None, None, 7], "int"),
        ([7.0, float("nan"), float("nan"), 7.0], "int"),
    ],
    ids=["null", "blank", "null number", "NaN"],
)
@pytest.mark.parametrize("source", ["frame", "data.csv", "data.parquet"])
def test_a_record_of_an_unknown_id_is_an_entity_of_its_own(tmp_path, ids, dtype, source):
    path = None if source == "frame" else tmp_path / source
    assert groups(entities_of(ids, dtype, path)) == [0, 1, 2, 0]


def test_a_customer_may_be_called_nan():
    assert groups(entities_of(["nan", "b", "nan"])) == [0, 1, 0]


def test_csv_and_parquet_have_the_same_entities(tmp_path):
    ids = [9, 100, None, 20, 9, 100]
    found = [groups(entities_of(ids, "int", tmp_path / f"data.{suffix}")) for suffix in ("csv", "parquet")]
    assert found == [[0, 1, 2, 3, 0, 1]] * 2


def test_without_the_id_column_there_are_no_entities():
    frame = simulate_credit_records(100, seed=1, fraud_rate=0.2).drop("customer_id")
    assert dataset_from_frame(frame, load_contract("credit"), source="x").entity is None
