"""Records become columns, in the records' order."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.columns import (
    columns_from_records,
    constraint_check,
    constraint_violations,
    epoch_seconds,
)
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from support.builders import every_dtype_contract, record

LOAN = {
    "application": "A-1",
    "applied_at": datetime(2026, 1, 1, tzinfo=UTC),
    "amount_eur": 1000.0,
    "instalments": 12,
    "is_employed": True,
    "channel": "web",
    "opened_at": datetime(1970, 1, 2, tzinfo=UTC),
}


def test_each_dtype_has_its_column():
    columns = columns_from_records(every_dtype_contract(), [LOAN])
    assert set(columns) == {"applied_at", "amount_eur", "instalments", "is_employed", "channel", "opened_at"}
    assert columns["amount_eur"].tolist() == [1000.0]
    assert columns["instalments"].tolist() == [12.0]
    assert columns["is_employed"].tolist() == [1.0]
    assert columns["channel"].tolist() == ["web"]
    assert columns["opened_at"].tolist() == [86400.0]
    assert {name: column.dtype.kind for name, column in columns.items() if name != "channel"} == dict.fromkeys(
        set(columns) - {"channel"}, "f"
    )


def test_the_id_is_no_column():
    assert "customer_id" not in columns_from_records(load_contract("credit"), [record()])


def test_absent_and_null_are_missing():
    loans = [
        {**LOAN, "is_employed": None, "channel": None, "applied_at": None},
        {name: LOAN[name] for name in ("amount_eur", "instalments", "opened_at")},
    ]
    columns = columns_from_records(every_dtype_contract(), loans)
    assert np.isnan(columns["is_employed"]).all()
    assert np.isnan(columns["applied_at"]).all()
    assert columns["channel"].tolist() == [None, None]


def test_no_records_are_columns_of_no_rows():
    columns = columns_from_records(every_dtype_contract(), [])
    assert {len(column) for column in columns.values()} == {0}


@given(st.datetimes(), st.integers(-23 * 60, 23 * 60))
def test_a_time_is_the_same_moment_whatever_its_offset(moment, offset_minutes):
    shifted = (moment + timedelta(0)).replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    expected = (shifted - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)
    assert epoch_seconds(shifted) == expected


@given(st.datetimes())
def test_a_time_without_an_offset_is_utc(moment):
    assert epoch_seconds(moment) == epoch_seconds(moment.replace(tzinfo=UTC))


def test_a_constraint_is_broken_where_its_comparison_fails():
    records = [record(), record(number_of_accounts_in_arrears=24), record(number_of_accounts_in_arrears=23)]
    credit = load_contract("credit")
    broken = constraint_violations(credit, columns_from_records(credit, records))
    assert {name: mask.tolist() for name, mask in broken.items()} == {
        "arrears_within_open_accounts": [False, True, False]
    }
    assert list(map(constraint_check(credit), records)) == [True, False, True]


def test_a_missing_operand_never_breaks_a_constraint():
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "int"\nnullable = true\n[features.z]\ndtype = "int"\n'
        '[constraints.r]\ncheck = "x < z"\nfield = "x"\nmessage = "m"\n',
        source="a.toml",
    )
    records = [{"x": None, "z": 1}, {"z": 1}, {"x": 1, "z": 1}, {"x": 0, "z": 1}]
    broken = constraint_violations(contract, columns_from_records(contract, records))["r"].tolist()
    assert broken == [False, False, True, False]
    assert list(map(constraint_check(contract), records)) == [True, True, False, True]


def test_a_record_satisfies_all_constraints_or_not():
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "int"\n'
        '[constraints.r]\ncheck = "x / 2 < 5"\nfield = "x"\nmessage = "m"\n'
        '[constraints.s]\ncheck = "x / 2 > 1"\nfield = "x"\nmessage = "m"\n',
        source="a.toml",
    )
    assert [constraint_check(contract)({"x": x}) for x in (2, 3, 9, 10)] == [False, True, True, False]


def test_a_contract_without_constraints_is_never_broken():
    contract = contract_from_toml('name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "int"\n', source="a.toml")
    assert constraint_violations(contract, columns_from_records(contract, [{"x": 1}])) == {}
    assert constraint_check(contract) is None
