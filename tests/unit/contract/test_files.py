"""Files are told apart by suffix, and told in one line where they cannot be read."""

import polars as pl
import pytest

from fraud_detection_api.contract.files import read_file, unwritable
from fraud_detection_api.errors import InvalidDataset


def test_a_csv_stays_text_until_the_contract_says_what_it_is(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text("a,b,c\n1,,x\n2.5,true,\n", encoding="utf-8")
    frame = read_file(path)
    assert set(frame.dtypes) == {pl.String}
    assert frame.rows() == [("1", None, "x"), ("2.5", "true", None)]


def test_a_csv_may_have_its_numbers_told_apart(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text("a,b,c,d\n" + "1,1.5,true,2026-01-31\n" * 300 + "1.5,2,false,2026-01-31\n", encoding="utf-8")
    assert read_file(path, infer_types=True).dtypes == [pl.Float64, pl.Float64, pl.Boolean, pl.String]


def test_a_parquet_file_keeps_its_types(tmp_path):
    path = tmp_path / "loans.parquet"
    pl.DataFrame({"a": [1], "b": [True]}).write_parquet(path)
    assert read_file(path).dtypes == [pl.Int64, pl.Boolean]


@pytest.mark.parametrize("name", ["loans", "loans.xlsx", "loans.csv.gz", "loans.CSV"])
def test_another_suffix_is_refused(name, tmp_path):
    with pytest.raises(InvalidDataset, match=r"name the file \.csv or \.parquet"):
        read_file(tmp_path / name)


@pytest.mark.parametrize("name", ["loans.csv", "loans.parquet"])
def test_a_missing_file_is_told(name, tmp_path):
    with pytest.raises(InvalidDataset, match="no such file"):
        read_file(tmp_path / name)


@pytest.mark.parametrize("infer_types", [True, False])
def test_an_empty_csv_is_told(infer_types, tmp_path):
    path = tmp_path / "loans.csv"
    path.touch()
    with pytest.raises(InvalidDataset, match="is empty"):
        read_file(path, infer_types=infer_types)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", b"a,b\n1,2\n1,SECRET,3,4\n", "UTF-8 CSV with a header line"),
        ("a.csv", b"a,b\nSECRET\xff,2\n", "UTF-8 CSV with a header line"),
        ("a.parquet", b"PAR1SECRET", "Parquet"),
        ("a.parquet", b"", "Parquet"),
    ],
)
def test_a_damaged_file_is_told_without_quoting_it(name, content, kind, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidDataset) as caught:
        read_file(path)
    assert f"cannot be read as {kind}" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_folder_is_told_as_unreadable(tmp_path):
    path = tmp_path / "folder.csv"
    path.mkdir()
    with pytest.raises(InvalidDataset):
        read_file(path)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory"), "no such folder"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("text of a library"), "OSError"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_with_the_reason(error, reason, tmp_path):
    told = unwritable(tmp_path / "out.csv", error)
    assert told.problems == (f"cannot be written: {reason}",)
