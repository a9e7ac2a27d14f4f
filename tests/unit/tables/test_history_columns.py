"""Keys and history features in tables: read like ids and numbers, or computed of columns that must be there."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import InvalidRecords
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.tables.checking import (
    check_table,
    column_types,
    folded_columns,
    identifier_problems,
    untimed_problems,
)
from support.builders import every_dtype_contract, every_dtype_frame
from support.parsing import PAYMENT
from support.payments import PAYMENTS as PAYMENTS_TOML
from support.payments import payments_contract

PAYMENTS = payments_contract()


def payments(**changes: Sequence[object]) -> pl.DataFrame:
    """Two payments without history features, with other columns in place of some; an empty one is left out."""
    columns = {
        "card": ["C-1", "C-2"],
        "paid_at": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)],
        "terminal": [1, 2],
        "device": ["D-1", None],
        "amount": [1.5, 2.5],
        "instalments": [1, 2],
        "is_night": [True, None],
        "channel": ["web", "shop"],
        "opened_at": [None, None],
        **changes,
    }
    return pl.DataFrame({name: content for name, content in columns.items() if len(content)})


def test_keys_are_read_as_ids_are():
    frame = payments(terminal=[" 1", "2.0"], device=[" D-1 ", "NA"])
    found = check_table(frame, PAYMENTS)
    assert not found.problems
    assert {name: keys.to_list() for name, keys in found.keys.items()} == {"terminal": [1, 2], "device": ["D-1", "NA"]}


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({"terminal": ["1", "x"]}, [[2]]),
        ({"terminal": [None, 2]}, [[1]]),
        ({"terminal": ["x", ""]}, [[1], [2]]),
        ({"device": ["a" * 257, "a" * 256]}, [[1]]),
        ({"device": [None, ""]}, []),
    ],
)
def test_keys_that_cannot_be_read_or_are_missing_are_problems(changes, rows):
    found = check_table(payments(**changes), PAYMENTS)
    assert [bad.tolist() for bad in found.bad_rows.values()] == rows


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        *(("terminal", sent) for sent in (17, -1, 17.0, 17.5, 1e6, 2**63 - 1, -(2**63), True, None, "x")),
        *(("device", sent) for sent in ("D-1", " D-1 ", "a" * 256, "a" * 257, "NA", "-999", None)),
    ],
)
def test_a_file_and_a_request_read_the_same_key(name, sent):
    contract = contract_from_toml(f'missing = ["-999"]\n{PAYMENTS_TOML}', source="x")
    try:
        (read,) = RecordParser(contract).parse(json.dumps([PAYMENT | {name: sent}]).encode(), limit=1)
    except InvalidRecords:
        read = None
    dtype = pl.Int64 if sent is None else None
    check = check_table(payments(**{name: pl.Series([sent, sent], dtype=dtype)}), contract)
    if sent == "-999":  # a marker is missing in a file, and is not sent
        assert (read, check.keys[name].to_list()) == (None, [None, None])
    elif read is None:
        assert check.problems
    else:
        assert not check.problems
        assert check.keys[name].to_list() == [read[name]] * 2


def test_a_file_has_the_history_features_or_the_columns_that_they_are_computed_of():
    bare = payments(card=[], paid_at=[], terminal=[], device=[])
    assert [problem.split("'")[1] for problem in check_table(bare, PAYMENTS).problems] == [
        "paid_at",
        "card",
        "terminal",
    ]
    assert folded_columns(PAYMENTS, bare.columns) == list(PAYMENTS.history)
    sealed = bare.with_columns(pl.Series(name, [1.5, None]) for name in PAYMENTS.history)
    found = check_table(sealed, PAYMENTS)
    assert not found.problems
    assert found.columns["mean_amount_7d"].tolist()[0] == 1.5
    assert np.isnan(found.columns["mean_amount_7d"][1])
    assert not {*PAYMENTS.history} & {*check_table(payments(), PAYMENTS).columns}


def test_ids_that_cannot_be_read_are_one_problem_where_history_is_of_them():
    """Another text would be no entity, and the features would be missing without a word."""
    contract = contract_from_toml(PAYMENTS_TOML.replace('name = "card"\ndtype = "str"', 'name = "card"'), source="x")
    frame = payments(card=["7", "C-2"])
    (problem,) = [*identifier_problems(frame, contract), *check_table(frame, contract).problems]
    assert problem.endswith(": 1 row (2)")
    sealed = frame.with_columns(pl.Series(name, [1.5, None]) for name in contract.history)
    assert not check_table(sealed, contract).problems
    assert len(identifier_problems(sealed, contract)) == 1


def test_history_features_that_are_no_numbers_are_a_problem():
    frame = payments().with_columns(mean_amount_7d=pl.Series(["1.5", "x"]))
    assert [bad.tolist() for bad in check_table(frame, PAYMENTS).bad_rows.values()] == [[2]]


def test_a_record_needs_a_time_where_history_is_to_be_computed():
    untimed = payments(paid_at=[datetime(2026, 1, 1, tzinfo=UTC), None])
    (problem,) = untimed_problems(untimed, PAYMENTS, first_row=11)
    assert problem.endswith(": 1 row (12)")
    assert not untimed_problems(payments(), PAYMENTS)
    sealed = untimed.with_columns(pl.Series(name, [1.5, None]) for name in PAYMENTS.history)
    assert not untimed_problems(sealed, PAYMENTS)
    assert not untimed_problems(every_dtype_frame(3).with_columns(applied_at=None), every_dtype_contract())


def test_a_checked_csv_with_keys_and_history_can_be_written_in_the_contract_s_types():
    frame = payments().with_columns(pl.Series(name, [1.5, None]) for name in PAYMENTS.history)
    frame = pl.read_csv(io.BytesIO(frame.write_csv().encode()), infer_schema=False)
    typed = {series.name: series for series in check_table(frame, PAYMENTS).typed(frame, PAYMENTS)}
    assert {name: series.dtype for name, series in typed.items()} == column_types(PAYMENTS)
