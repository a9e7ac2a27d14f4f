"""A CSV that the product writes holds no cell that a spreadsheet runs, and reads back as it was."""

import csv
import re
from pathlib import Path

import polars as pl
import pytest

from fraud_detection_api.tables import formulas
from fraud_detection_api.tables.files import read_file, scan_file, write_frame, write_frames

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "-", "-inf"]
PLAIN = ["-1.5", "+49", "-1e5", "-.5", "retail", "'quoted'", "a=b", " =1"]
GUARDED = ["'=1+1", "''-1"]


def test_a_text_that_begins_as_a_formula_does_is_written_behind_an_apostrophe(tmp_path):
    assert _cells(tmp_path, FORMULAS) == [f"'{text}" for text in FORMULAS]


def test_numbers_and_other_texts_are_written_as_they_are(tmp_path):
    assert _cells(tmp_path, PLAIN) == PLAIN
    assert _cells(tmp_path, [-1.5, 2.0]) == ["-1.5", "2.0"]


def test_a_categorys_level_and_a_columns_name_are_texts_too(tmp_path):
    frame = pl.DataFrame({"=cmd": ["@a", "b"]}, schema={"=cmd": pl.Categorical})
    write_frame(frame, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "'=cmd\n'@a\nb\n"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_written_reads_back_as_it_was(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    frame = pl.DataFrame({"@name": [*FORMULAS, *PLAIN, *GUARDED, None], "'=other": "x"})
    write_frames(iter([frame, frame]), frame.schema, path)
    assert read_file(path).equals(pl.concat([frame, frame]))
    scan, rows = scan_file(path)
    assert (scan.select("@name").collect()["@name"].to_list(), rows) == (frame["@name"].to_list() * 2, 2 * len(frame))


def test_one_module_writes_csv_files():
    source = Path(formulas.__file__).parents[1]
    writing = [path for path in source.rglob("*.py") if re.search("(write|sink)_csv", path.read_text())]
    assert [path.relative_to(source) for path in writing] == [Path("tables/files.py")]


def _cells(folder, texts) -> list[str]:
    write_frame(pl.DataFrame({"text": texts}), folder / "a.csv")
    with (folder / "a.csv").open(newline="") as lines:
        return [row[0] for row in csv.reader(lines)][1:]
