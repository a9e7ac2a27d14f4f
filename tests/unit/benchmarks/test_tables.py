"""The tables and the page, and the command around them."""

from datetime import date

import pytest

from benchmarks import memory, quality
from benchmarks.measures import Calibrated, NoiseFloor, Row
from benchmarks.memory import Memory
from benchmarks.scale import scale_tables
from benchmarks.speed import Speed
from benchmarks.tables import page, table

OURS = Row("ours", {"AUC": 0.8, "AP": 0.4}, "measured here", 12.4, Calibrated(0.01, NoiseFloor(0.002, 0.004), 0.03))
THEIRS = Row("theirs", {"AUC": 0.79}, "Somebody, 2020")


def test_a_table_has_a_line_for_each_row_with_the_best_in_bold():
    lines = table("1. A title", ("AUC", "AP"), [OURS, THEIRS]).splitlines()
    assert lines[0] == "## 1. A title"
    assert lines[4] == "| ours | **0.8000** | **0.4000** | 0.0300 | 0.0100 | 0.0020 | 0.0040 | 12 | measured here |"
    assert lines[5] == "| theirs | 0.7900 |  |  |  |  |  |  | Somebody, 2020 |"
    assert {line.count("|") for line in lines[2:]} == {lines[2].count("|")}


def test_the_page_says_when_how_and_on_what_it_was_made():
    text = page(["## 1. A title\n"], today=date(2026, 1, 31), command="make bench-quality DATA=folder")
    assert "`make bench-quality DATA=folder` wrote this page on 2026-01-31" in text
    assert "cores" in text
    assert "numpy" in text


def test_scale_is_stated_as_ratios():
    speed = Speed("synthetic", 300_000, 30, boosters=5, rounds=250, trainer_seconds=12.0, bare_seconds=10.0)
    peaks = Memory(5_000_000, 30, start_bytes=0, load_bytes=10**9, fit_bytes=2 * 10**9, load_seconds=1, fit_seconds=2)
    text = scale_tables([speed], peaks)
    assert "| synthetic | 300,000 | 30 | 5 | 250 | 12.0 | 10.0 | 1.20 |" in text
    assert "1.80" in text


@pytest.mark.slow
def test_peak_memory_is_measured_in_a_process_of_its_own():
    found = memory.measure_memory(rows=2000, columns=5)
    assert 0 < found.start_bytes <= found.load_bytes <= found.fit_bytes


def test_a_missing_folder_is_said_in_one_line(tmp_path, capsys):
    assert quality.main(["--data", str(tmp_path / "none")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_absent_files_are_skipped_visibly(tmp_path, capsys):
    assert quality.main(["--data", str(tmp_path), "--protocols", "2,3"]) == 2
    printed = capsys.readouterr()
    assert "skipped: protocol 2" in printed.err
    assert "skipped: protocol 3" in printed.err
    assert not printed.out


def test_an_unknown_protocol_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        quality.main(["--data", str(tmp_path), "--protocols", "1,9"])
    assert "no protocol 9; there are 1, 2, 3, 4" in capsys.readouterr().err
