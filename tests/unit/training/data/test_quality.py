"""Notes on values that are not what they seem, and none on ordinary ones."""

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.quality import quality_notes, too_good
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import every_dtype_contract, every_dtype_frame

ROWS = 2000
RNG = np.random.default_rng(0)
BAD = (RNG.random(ROWS) < 0.1).astype(int)
AGES = RNG.integers(16, 80, ROWS)
DAYS = np.array(["Monday", "Tuesday", "Friday"])[RNG.integers(0, 3, ROWS)]
HOURS = np.datetime64("2025-01-01T00:00:00", "s") + 3600 * np.arange(ROWS)


def notes_on(columns, dtypes, *, extra: str = "") -> list[str]:
    """Notes on these columns, beside one of noise that makes every record different."""
    features = "".join(f'[features.{name}]\ndtype = "{dtype}"\n{extra}' for name, dtype in dtypes.items())
    toml = f'name = "x"\n[target]\nname = "bad"\n[features.noise]\ndtype = "float"\n{features}'
    frame = pl.DataFrame({**columns, "noise": np.random.default_rng(1).normal(size=ROWS), "bad": BAD})
    return quality_notes(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x"))


def with_first(column, value, count):
    return np.concatenate([np.full(count, value), column[count:]])


@pytest.mark.parametrize(
    ("column", "dtype", "said"),
    [
        (with_first(AGES, 0, 40), "int", "'it' is 0 in 40 training records, and 16 to 79"),
        (with_first(AGES, -999, 40), "int", "'it': -999 in 40 rows"),
        (with_first(DAYS, "0", 3), "category", "'it' has levels that look like numbers, “0” (3), beside 3 names"),
    ],
)
def test_values_that_may_mean_missing_are_named_with_their_count(column, dtype, said):
    (note,) = notes_on({"it": column}, {"it": dtype})
    assert note.startswith(said)


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (with_first(AGES, 0, 1200), "int"),  # zero is the usual value
        (RNG.integers(0, 50, ROWS), "int"),  # zero is next to the others
        (RNG.exponential(80.0, ROWS).round(2), "float"),
        (with_first(DAYS, "1", 300), "category"),  # a level that many records have
        (np.array(["none", "1", "2 to 4"])[RNG.integers(0, 3, ROWS)], "category"),
        (np.array(["A1", "B2", "7"])[RNG.integers(0, 3, ROWS)], "category"),
    ],
)
def test_ordinary_columns_are_not_named(column, dtype):
    assert notes_on({"it": column}, {"it": dtype}) == []


@pytest.mark.parametrize(
    ("days_later", "said"),
    [(0, None), (9, "'day' is after 'due' in 3 of 2,000"), (9000, "'day' is more than a year after all others in 3")],
)
def test_times_out_of_order_and_far_from_all_others_are_named(days_later, said):
    moved = HOURS + np.where(np.arange(ROWS) < 3, days_later, 0) * np.timedelta64(1, "D")
    columns = {"day": moved, "due": HOURS + np.timedelta64(3, "D")}
    written = {name: np.datetime_as_string(times, timezone="UTC") for name, times in columns.items()}
    notes = notes_on(written, dict.fromkeys(columns, "datetime"), extra='parts = ["hour"]\n')
    assert any(said in note for note in notes) if said else notes == []


def test_copies_are_counted_with_those_that_contradict_each_other():
    frame = simulate_credit_records(1500, seed=3)
    target = load_contract("credit").target.name
    twins = frame.head(60).with_columns(pl.lit(1).cast(frame[target].dtype).alias(target))
    both = dataset_from_frame(pl.concat([frame, twins]), load_contract("credit"), source="x")
    (note,) = quality_notes(both)
    assert note.startswith("60 of 1,560 training records repeat an earlier one")
    assert "twin with another outcome" in note


def test_coarse_records_agree_by_chance():
    columns = {name: np.random.default_rng(k).integers(0, 2, ROWS) for k, name in enumerate("abc")}
    toml = 'name = "x"\n[target]\nname = "bad"\n' + "".join(f'[features.{n}]\ndtype = "int"\n' for n in columns)
    frame = pl.DataFrame({**columns, "bad": BAD})
    assert quality_notes(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x")) == []


def test_simulated_records_have_no_notes():
    frame, contract = simulate_credit_records(3000, seed=5), load_contract("credit")
    assert quality_notes(dataset_from_frame(frame, contract, source="x")) == []
    assert quality_notes(dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="x")) == []


@pytest.mark.parametrize(("noise", "notes"), [(0.05, 1), (1.0, 0)])
def test_a_ranking_almost_without_an_error_is_noted(noise, notes):
    stated = np.clip(BAD + np.random.default_rng(2).normal(0, noise, ROWS), 0, 1)
    assert len(too_good(BAD == 1, stated, "fraud")) == notes
