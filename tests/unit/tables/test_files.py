"""Files are distinguished by suffix, and a file that cannot be read is reported with its rows."""

import ctypes
import errno
import os
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from fraud_detection_api.tables.files import read_file, scan_file, write_frame
from fraud_detection_api.tables.whole_files import unwritable, written_whole


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


@pytest.mark.parametrize("infer_types", [True, False])
def test_quotes_within_a_name_are_read_as_they_were_written(tmp_path, infer_types):
    path = tmp_path / "loans.csv"
    names = ["", 'a "b"', '"', "'=c", 'd"e']
    write_frame(pl.DataFrame({name: ["1"] for name in names}), path)
    assert read_file(path, infer_types=infer_types).columns == names
    assert scan_file(path)[0].collect_schema().names() == names


def test_a_parquet_file_keeps_its_types(tmp_path):
    path = tmp_path / "loans.parquet"
    pl.DataFrame({"a": [1], "b": [True]}).write_parquet(path)
    assert read_file(path).dtypes == [pl.Int64, pl.Boolean]


@pytest.mark.parametrize("name", ["loans", "loans.txt", "csv"])
def test_another_suffix_is_refused(name, tmp_path):
    with pytest.raises(InvalidDataset):
        read_file(tmp_path / name)


@pytest.mark.parametrize("name", ["loans.csv", "loans.parquet"])
def test_a_missing_file_is_refused(name, tmp_path):
    with pytest.raises(InvalidDataset):
        read_file(tmp_path / name)


@pytest.mark.parametrize("infer_types", [True, False])
def test_an_empty_csv_is_refused(infer_types, tmp_path):
    path = tmp_path / "loans.csv"
    path.touch()
    with pytest.raises(InvalidDataset):
        read_file(path, infer_types=infer_types)


@pytest.mark.parametrize("content", [b"PAR1SECRET", b""])
def test_a_damaged_file_is_refused_without_quoting_it(content, tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(InvalidDataset) as caught:
        read_file(path)
    assert "SECRET" not in str(caught.value)


def test_a_folder_is_refused(tmp_path):
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
        (OSError("No space left on device (os error 28)"), "No space left on device"),
        (pl.exceptions.ComputeError("parquet: SECRET (os error 28)"), "No space left on device"),
        (pl.exceptions.ComputeError("SECRET"), "ComputeError"),
    ],
)
def test_a_file_that_cannot_be_written_is_reported_with_the_system_s_reason(error, reason, tmp_path):
    assert str(unwritable(tmp_path / "out.csv", error)).endswith(f": {reason}")


def problems_of(path, content: bytes) -> tuple[str, ...]:
    """The problems of a CSV of this content, which both ways of reading it report."""
    path.write_bytes(content)
    problems = []
    for read in (read_file, scan_file):
        with pytest.raises(InvalidDataset) as caught:
            read(path)
        problems.append(caught.value.problems)
    assert problems[0] == problems[1]
    assert "SECRET" not in str(problems)
    return problems[0]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"id,x,x,c\n1,2,3,4\n", "'x'"),
        (b"a,b,a,b,c\n", "'a', 'b'"),
        (b"a,b\n1,2\n3\n4,5\n6\n", "2 rows (2, 4)"),
        (b'a,b\n"1\n1",2\n"3\n\n3",4\nSECRET\n', "1 row (3)"),
        (b"a,b\n1,2\n\n3,4\n", "1 row (2)"),
        (b"a,b\n1,2\n1,SECRET,3,4\n", "1 row (2)"),
        (b'a,b\n1,2\n3,"SECRET\n5,6\n', "row 2"),
        (b'\n\na,b\n1,"' + b"SECRET" * 40_000, "row 1"),
        (b'a,b\n"SECRET"x,2\n', "row 1"),
        (b'"a"x,b\n1,2\n', "header"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8"),
        (b"a,b\n1,2\nSECRET\xff,2\n", "UTF-8"),
        (b"", "empty"),
        (b"\n\n", "empty"),
    ],
)
def test_a_csv_of_another_shape_is_refused_with_its_rows(content, where, tmp_path):
    (problem,) = problems_of(tmp_path / "loans.csv", content)
    assert where in problem


def test_short_and_long_rows_are_reported_together(tmp_path):
    short, long = problems_of(tmp_path / "loans.csv", b"a,b\n1\n1,2,3\n")
    assert short.endswith(": 1 row (1)")
    assert long.endswith(": 1 row (2)")


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n3,4", b"\n\na,b\n1,2\n3,4\n\n\n\n", b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n\r\n"]
)
def test_blank_lines_around_the_records_are_no_records(content, tmp_path):
    path = tmp_path / "loans.csv"
    path.write_bytes(content)
    scan, rows = scan_file(path)
    assert rows == 2
    for frame in (read_file(path), scan.collect()):
        assert frame.to_dicts() == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert read_file(path, infer_types=True).rows() == [(1, 2), (3, 4)]


def test_a_csv_of_a_header_alone_has_no_records(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text("a,b\n\n")
    assert read_file(path).shape == (0, 2)
    assert scan_file(path)[1] == 0


def test_the_reason_survives_a_file_system_that_lets_nothing_be_removed(tmp_path, monkeypatch):
    def refuse(*_given, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(FilesUnavailable, match="Read-only file system"):  # noqa: SIM117
        with written_whole(tmp_path / "a.csv"):
            refuse()


def test_a_file_that_is_written_completely_replaces_an_earlier_one(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("earlier")
    with written_whole(target) as waiting:
        waiting.write_text("later")
        assert target.read_text() == "earlier"
    assert target.read_text() == "later"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), OSError(28, "full"), ValueError()])
def test_what_was_half_written_is_removed(error, tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("earlier")
    with pytest.raises((type(error), FilesUnavailable)), written_whole(target) as waiting:  # noqa: PT012
        waiting.write_text("half")
        raise error
    assert target.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_a_long_name_is_no_obstacle(tmp_path):
    target = tmp_path / f"{'x' * 250}.csv"
    with written_whole(target) as waiting:
        waiting.write_text("whole")
    assert target.read_text() == "whole"


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 KiB; only a privileged user on Linux may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "umount2") or library.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=64k"):
        pytest.skip("no file system can be mounted here")
    yield folder
    library.umount2(os.fsencode(folder), 2)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_full_disk_is_reported_and_left_as_it_was(name, full_disk):
    frame = pl.DataFrame({"a": [n * 7919 % 1_000_003 for n in range(200_000)]})
    with pytest.raises(FilesUnavailable, match="No space left on device"):  # noqa: SIM117
        with written_whole(full_disk / name) as waiting:
            frame.write_csv(waiting) if name.endswith("csv") else frame.write_parquet(waiting)
    assert list(full_disk.iterdir()) == []


@pytest.mark.parametrize("content", [b'a,b\nSE"CRET,2\n3,4\n', b'a,b\n1,2\nSE"CRET,2\n3,4\n5,6\n'])
def test_a_quote_in_an_unquoted_field_loses_no_rows_silently(content, tmp_path):
    path = tmp_path / "loans.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidDataset) as caught:
        read_file(path)
    assert "SECRET" not in str(caught.value)


def test_no_folder_or_device_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", tmp_path, Path()):
        with pytest.raises(InvalidDataset, match="it is not a file"), written_whole(target) as waiting:
            waiting.write_text("after")
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.parquet"])
def test_a_pipe_is_refused_and_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    for read in (read_file, scan_file):
        with pytest.raises(InvalidDataset, match="is not a file"):
            read(tmp_path / name)


def test_an_address_is_not_repeated_where_files_are_read():
    with pytest.raises(InvalidDataset) as refused:
        scan_file(Path("s3://KEY:SECRET@bucket/x.parquet"))
    assert "SECRET" not in str(refused.value)
