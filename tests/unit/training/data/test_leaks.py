"""Warnings before a model is believed: columns that give the target away, ids, records on both sides. No false alarms."""

import re

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.training.data import leaks
from fraud_detection_api.training.data.leaks import leak_warnings
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.builders import every_dtype_contract, every_dtype_frame

RNG = np.random.default_rng(0)
ROWS = 2000
BAD = (RNG.random(ROWS) < 0.1).astype(int)


def warnings_for(column, dtype: str, *, name: str = "suspect") -> list[str]:
    toml = (
        f'name = "x"\n[target]\nname = "bad"\n[features.{name}]\ndtype = "{dtype}"\n[features.noise]\ndtype = "float"\n'
    )
    frame = pl.DataFrame({name: column, "noise": np.random.default_rng(1).normal(size=ROWS), "bad": BAD})
    return warnings_of(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x"))


def warnings_of(data) -> list[str]:
    return leak_warnings(data, hold_out(data, SplitSettings(), seed=1))


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (BAD + RNG.normal(0, 0.1, ROWS), "float"),
        (np.where(BAD, 0.0, RNG.choice([-1.0, 1.0], ROWS)) + RNG.normal(0, 0.05, ROWS), "float"),  # not monotone
        (np.where(BAD, "chargeback", "none").tolist(), "category"),
    ],
    ids=["shifted", "in the middle", "category"],
)
def test_a_column_that_decides_the_target_is_named(column, dtype):
    (warning,) = warnings_for(column, dtype)
    assert re.match(r"'suspect' .*\(ROC AUC (0\.9|1\.0)", warning)


def test_a_missing_value_can_give_the_target_away_too():
    toml = 'name = "x"\n[target]\nname = "bad"\n[features.closed_on]\ndtype = "float"\nnullable = true\n'
    toml += '[features.noise]\ndtype = "float"\n'
    values = [None if not bad else float(value) for bad, value in zip(BAD, RNG.normal(size=ROWS), strict=True)]
    frame = pl.DataFrame({"closed_on": values, "noise": RNG.normal(size=ROWS), "bad": BAD})
    (warning,) = warnings_of(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x"))
    assert "'closed_on'" in warning


@pytest.mark.parametrize(("value", "state"), [(1.5, "has one value in"), (None, "is empty in")])
def test_a_column_that_tells_nothing_is_named(value, state):
    toml = 'name = "x"\n[target]\nname = "bad"\n[features.dead]\ndtype = "float"\nnullable = true\n'
    toml += '[features.noise]\ndtype = "float"\n'
    frame = pl.DataFrame(
        {"dead": [value] * ROWS, "noise": RNG.normal(size=ROWS), "bad": BAD}, schema_overrides={"dead": pl.Float64}
    )
    (warning,) = warnings_of(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x"))
    assert warning.startswith(f"'dead' {state} all training records")


def test_a_column_of_one_value_or_none_tells_by_being_missing():
    values = [1.0 if number % 2 else None for number in range(ROWS)]
    toml = 'name = "x"\n[target]\nname = "bad"\n[features.some]\ndtype = "float"\nnullable = true\n'
    toml += '[features.noise]\ndtype = "float"\n'
    frame = pl.DataFrame({"some": values, "noise": RNG.normal(size=ROWS), "bad": BAD})
    assert warnings_of(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x")) == []


def test_a_strong_but_honest_column_is_no_leak():
    assert warnings_for(BAD + RNG.normal(0, 0.8, ROWS), "float") == []


@pytest.mark.parametrize(("name", "values"), [("number_of_row", np.arange(ROWS)), ("loan_id", np.arange(ROWS) * 977)])
def test_numbers_that_count_or_name_records_are_ids(name, values):
    (warning,) = warnings_for(RNG.permutation(values), "int", name=name)
    assert warning.startswith(f"'{name}' is different for nearly every record")


@pytest.mark.parametrize("first", [0, 20_000_000, 100_000_001, 4_000_000_000])
def test_a_counter_is_an_id_however_large_its_numbers(first):
    """float32 tells whole numbers beyond 16,777,216 apart only in steps."""
    (warning,) = warnings_for(first + RNG.permutation(ROWS), "int", name="contract_reference")
    assert warning.startswith("'contract_reference' is different for nearly every record")


def test_a_counter_is_an_id_however_many_records_there_are(monkeypatch):
    monkeypatch.setattr(leaks, "SAMPLE_ROWS", 500)
    (warning,) = warnings_for(RNG.permutation(ROWS), "int", name="contract_reference")
    assert warning.startswith("'contract_reference' is different for nearly every record")


def test_a_category_of_which_every_level_occurs_thrice_is_no_id_however_many_records_there_are(monkeypatch):
    monkeypatch.setattr(leaks, "SAMPLE_ROWS", 500)
    assert warnings_for([f"S-{number // 3}" for number in RNG.permutation(ROWS)], "category") == []


@pytest.mark.parametrize(
    "values",
    [
        RNG.integers(18, 95, ROWS),
        RNG.integers(0, 2 * ROWS, ROWS),
        100_000_000 + RNG.integers(0, 40, ROWS),
        1_700_000_000 + RNG.integers(0, 3 * 365 * 86_400, ROWS),
    ],
    ids=["ages", "counts", "large and alike", "seconds"],
)
def test_whole_numbers_that_measure_something_are_no_ids(values):
    assert warnings_for(values, "int", name="measured") == []


def test_few_records_are_not_looked_at_for_ids():
    frame = pl.DataFrame({"number_of_row": np.arange(200), "bad": np.arange(200) % 2})
    toml = 'name = "x"\n[target]\nname = "bad"\n[features.number_of_row]\ndtype = "int"\n'
    assert warnings_of(dataset_from_frame(frame, contract_from_toml(toml, source="x.toml"), source="x")) == []


def test_amounts_in_cents_are_no_ids():
    assert warnings_for(RNG.permutation(np.arange(ROWS) * 977), "int", name="amount_cents") == []


def test_a_category_of_single_records_is_an_id():
    (warning,) = warnings_for([f"C-{number}" for number in range(ROWS)], "category")
    assert "'suspect'" in warning
    assert "id?" in warning


def test_records_that_stand_on_both_sides_are_counted():
    frame = simulate_credit_records(1000, seed=1, fraud_rate=0.1)
    data = dataset_from_frame(pl.concat([frame, frame]), load_contract("credit"), source="doubled")
    grouped = data.entity
    assert grouped is not None
    apart = dataset_from_frame(
        pl.concat([frame, frame]).drop("customer_id"), load_contract("credit"), source="without ids"
    )
    assert warnings_of(data) == []  # a customer's records are on one side
    (warning,) = warnings_of(apart)
    assert re.match(r"\d+ of \d+ test records ", warning)


@pytest.mark.parametrize("case", ["credit", "every dtype"])
def test_sound_data_is_not_warned_of(case):
    if case == "credit":
        data = dataset_from_frame(simulate_credit_records(20_000, seed=2), load_contract("credit"), source="x")
    else:
        data = dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="x")
    assert [warning for warning in warnings_of(data) if "alone" in warning or "id" in warning.split()] == []
