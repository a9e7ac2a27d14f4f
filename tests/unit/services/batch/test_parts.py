"""A folder scored into another one, file by file: whole, once, and on from where a run ended."""

import gzip
import json
import os
from contextlib import contextmanager
from dataclasses import replace

import polars as pl
import pytest

from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.batch.files import BatchScorer
from fraud_detection_api.services.batch.parts import PartScoring, score_parts
from fraud_detection_api.services.batch.places import DiskFolder
from fraud_detection_api.services.workers.pool import ThisProcess
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import credit_files, other_credit_files

NAMES = ["a.parquet", "b.csv", "day=1/c.parquet", "day=2/c.parquet"]


class Counting(ThisProcess):
    """Workers that note what they work on."""

    def __init__(self):
        self.worked = []

    @contextmanager
    def pool(self, opening):
        with super().pool(opening) as pool:
            submit = pool.submit
            pool.submit = lambda part: (self.worked.append(part.name), submit(part))[1]
            yield pool


@pytest.fixture
def scoring(tmp_path):
    """A folder with a small file for each name, and the scoring of it."""
    for seed, name in enumerate(NAMES):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        records = simulate_credit_records(20 + seed, seed=seed).drop("is_fraud", "true_fraud_probability")
        records.write_csv(path) if path.suffix == ".csv" else records.write_parquet(path)
    return PartScoring(credit_files(), "digest", DiskFolder(tmp_path / "in"), DiskFolder(tmp_path / "out"))


def scored(scoring):
    """What a run finds, and the parts that it works on."""
    workers = Counting()
    return score_parts(scoring, scoring.source.parts(), workers), sorted(workers.worked)


def spoil(path):
    """Make the amounts of a file break the contract; gives the file as it was."""
    whole = path.read_bytes()
    pl.read_parquet(path).with_columns(total_credit_limit=pl.lit(-1.0)).write_parquet(path)
    return whole


def test_each_file_has_the_scores_that_it_has_alone(scoring, tmp_path):
    found, worked = scored(scoring)
    assert (found.parts, found.earlier, found.records, found.failures) == (4, 0, 20 + 21 + 22 + 23, [])
    assert [part.name for part in scoring.target.parts()] == worked == NAMES
    scorer = BatchScorer(read_bundle(credit_files(), source="test"))
    for name in NAMES:
        alone = tmp_path / f"alone.{name.rpartition('.')[2]}"
        scorer.score_file(tmp_path / "in" / name, alone)
        assert (tmp_path / "out" / name).read_bytes() == alone.read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_brackets_in_a_name_stand_for_themselves(suffix, tmp_path, scoring):
    folder = tmp_path / "brackets"
    folder.mkdir()
    for rows, name in ((3, f"[ab].{suffix}"), (3, f"a.{suffix}")):
        records = simulate_credit_records(rows, seed=len(name)).drop("is_fraud", "true_fraud_probability")
        getattr(records, f"write_{suffix}")(folder / name)
    other = replace(scoring, source=DiskFolder(folder))
    assert scored(other)[0].records == 6
    scorer, alone = BatchScorer(read_bundle(credit_files(), source="test")), tmp_path / f"alone.{suffix}"
    (tmp_path / f"plain.{suffix}").write_bytes((folder / f"[ab].{suffix}").read_bytes())
    scorer.score_file(tmp_path / f"plain.{suffix}", alone)
    assert (tmp_path / "out" / f"[ab].{suffix}").read_bytes() == alone.read_bytes()


def test_two_files_whose_scores_would_have_one_name_are_refused(scoring, tmp_path):
    (tmp_path / "in" / "b.csv.gz").write_bytes(gzip.compress((tmp_path / "in" / "b.csv").read_bytes()))
    with pytest.raises(InvalidDataset, match=r"b\.csv and b\.csv\.gz"):
        scored(scoring)
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_no_text_is_told_and_the_other_files_are_scored(scoring, tmp_path):
    os.link(tmp_path / "in" / "b.csv", os.fsencode(tmp_path / "in") + b"/c\xff.csv")
    found, _ = scored(scoring)
    assert found.parts == 4
    [failure] = found.failures
    assert failure.source == rf"{tmp_path / 'in'}/c\xff.csv"


def test_a_second_run_scores_what_is_new_or_changed_or_lost_its_mark(scoring, tmp_path):
    scored(scoring)
    assert scored(scoring)[1] == []
    (tmp_path / "out" / "_scored" / "a.parquet.json").unlink()
    (tmp_path / "out" / "_scored" / "b.csv.json").write_text("{")
    pl.read_parquet(tmp_path / "in" / NAMES[2]).head(5).write_parquet(tmp_path / "in" / NAMES[2])
    pl.read_parquet(tmp_path / "in" / NAMES[3]).write_parquet(tmp_path / "in" / "day=2" / "d.parquet")
    found, worked = scored(scoring)
    assert worked == ["a.parquet", "b.csv", NAMES[2], "day=2/d.parquet"]
    assert (found.parts, found.earlier, found.records) == (5, 1, 20 + 21 + 5 + 23 + 23)
    assert pl.read_parquet(tmp_path / "out" / NAMES[2]).height == 5


def test_a_file_that_cannot_be_scored_is_named_with_its_rows_and_the_others_are_scored(scoring, tmp_path):
    path = tmp_path / "in" / NAMES[2]
    whole = spoil(path)
    found, _ = scored(scoring)
    (failure,) = found.failures
    assert failure.source == str(path)
    assert "22 rows (1, 2, 3, 4, 5, …)" in failure.problems[0]
    assert (found.parts, found.records) == (3, 20 + 21 + 23)
    assert not (tmp_path / "out" / NAMES[2]).exists()
    path.write_bytes(whole)
    found, worked = scored(scoring)
    assert (found.failures, worked, found.parts) == ([], [NAMES[2]], 4)


@pytest.mark.parametrize("change", [{"explains": True}, {"digest": "another", "files": other_credit_files()}], ids=str)
def test_scores_of_two_kinds_are_not_mixed(scoring, change):
    scored(scoring)
    with pytest.raises(InvalidDataset) as caught:
        scored(replace(scoring, **change))
    assert caught.value.source == str(scoring.target)


def test_a_folder_with_files_of_others_is_left_alone(scoring, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.parquet").write_text("mine")
    with pytest.raises(InvalidDataset):
        scored(scoring)
    assert (tmp_path / "out" / "a.parquet").read_text() == "mine"


class Full(DiskFolder):
    """A folder whose disk is full after two files and their marks."""

    @contextmanager
    def written(self, name):
        if len(list(self.root.rglob("*.*"))) >= 5:
            raise FilesUnavailable(str(self), "is full")
        with super().written(name) as path:
            yield path


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(scoring, tmp_path):
    with pytest.raises(FilesUnavailable):
        scored(replace(scoring, target=Full(tmp_path / "out")))
    assert len(scoring.target.parts()) == 2
    found, worked = scored(scoring)
    assert (found.parts, found.earlier, len(worked)) == (4, 2, 2)


def test_progress_counts_bytes_and_the_marks_of_earlier_runs(scoring):
    sizes = [part.size for part in scoring.source.parts()]
    told = []
    score_parts(scoring, scoring.source.parts(), ThisProcess(), on_progress=lambda share, _done: told.append(share))
    assert (told[0], told[-1], len(told)) == (0, 1, 5)
    assert told[1] == max(sizes) / sum(sizes)
    told.clear()
    score_parts(scoring, scoring.source.parts(), ThisProcess(), on_progress=lambda share, _done: told.append(share))
    assert told == [1]


def test_marks_hold_counts_and_no_values(scoring, tmp_path):
    scored(scoring)
    mark = json.loads((tmp_path / "out" / "_scored" / "day=1" / "c.parquet.json").read_text())
    assert (mark.keys(), mark["records"]) == (
        {"name", "version", "records", "unseen", "reviewed", "missing", "columns"},
        22,
    )


def test_two_runs_do_not_write_to_one_folder(scoring):
    with scoring.target.claimed(), pytest.raises(InvalidDataset) as caught:
        scored(scoring)
    assert caught.value.source == str(scoring.target)


def test_what_a_killed_run_left_half_written_is_removed(scoring, tmp_path):
    scored(scoring)
    left, own = tmp_path / "out" / "day=1" / f".c.{'0a' * 16}.parquet", tmp_path / "out" / ".notes.parquet"
    left.touch()
    own.touch()
    scored(scoring)
    assert (left.exists(), own.exists()) == (False, True)


def test_what_killed_processes_of_a_run_left_half_written_is_removed_at_its_end(scoring, tmp_path):
    left = tmp_path / "out" / f".a.{'0a' * 16}.parquet"
    score_parts(scoring, scoring.source.parts(), ThisProcess(), on_progress=lambda _share, _done: left.touch())
    assert not left.exists()
