"""fraud data synth."""

import polars as pl
import pytest

from fraud_detection_api.errors import FilesUnavailable, InvalidDataset
from support.refusals import refusal_of


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_synth_writes_records_and_says_where(fraud, suffix):
    result = fraud("data", "synth", "--rows", 1200, "--seed", 7, "--out", f"credit.{suffix}")
    assert (result.exit_code, result.stdout) == (0, "")
    frame = pl.read_csv("credit.csv") if suffix == "csv" else pl.read_parquet("credit.parquet")
    assert frame.height == 1200
    assert result.stderr == f"wrote 1,200 records, {frame['is_fraud'].sum()} of them fraud, to credit.{suffix}\n"


def test_the_same_seed_makes_the_same_file(fraud, tmp_path):
    for name in ("a", "b"):
        fraud("data", "synth", "--rows", 500, "--seed", 3, "--out", f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_fraud_rate_can_be_set(fraud):
    fraud("data", "synth", "--rows", 4000, "--fraud-rate", 0.5, "--out", "even.parquet")
    assert 0.45 < pl.read_parquet("even.parquet")["is_fraud"].mean() < 0.55


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_that_cannot_be_written_is_told(fraud, suffix):
    assert refusal_of(fraud("data", "synth", "--rows", 10, "--out", f"nowhere/credit.{suffix}")) is InvalidDataset


def test_another_suffix_is_refused_before_any_work(fraud, tmp_path):
    assert refusal_of(fraud("data", "synth", "--rows", 50_000_000, "--out", "credit.xlsx")) is InvalidDataset
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_full_disk_leaves_no_half_of_a_file(fraud, tmp_path, monkeypatch, suffix):
    def full(_frame, path):
        path.write_text("half")
        raise pl.exceptions.ComputeError("No space left on device (os error 28)")

    monkeypatch.setattr(pl.DataFrame, f"write_{suffix}", full)
    result = fraud("data", "synth", "--rows", 10, "--out", f"credit.{suffix}")
    assert refusal_of(result) is FilesUnavailable
    assert "No space left on device" in result.stderr
    assert list(tmp_path.iterdir()) == []
