"""Columns become the float32 matrix that the trees read."""

import random
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.columns import columns_from_records, epoch_seconds
from fraud_detection_api.contract.declaration import FLOAT32_MAX
from fraud_detection_api.contract.encoding import FEW_RECORDS, Encoder, LevelCodes, calendar_part, row_encoder
from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from support.builders import every_dtype_contract, record
from support.payments import payments_contract

CODES = {"channel": LevelCodes({"web": 0.25, "branch": 0.125}, unseen=0.5, missing=0.75)}
CREDIT = load_contract("credit")
LOANS = every_dtype_contract()
PAYMENTS = payments_contract()


def few_rows(contract, records):
    """The rows of records that are encoded one by one, float32 (n, columns)."""
    encoder = Encoder(contract, CODES)
    row = row_encoder(encoder)
    return np.array([row(each.get) for each in records], np.float32).reshape(-1, len(encoder.column_names))


FLOATS = st.floats(-1e12, 1e12)
CREDIT_RECORDS = st.fixed_dictionaries(
    {
        "number_of_open_accounts": st.integers(0, 10_000),
        "total_credit_limit": st.floats(0, 1e12),
        "total_balance": FLOATS,
        "number_of_accounts_in_arrears": st.integers(0, 10_000),
    }
)
LOAN_RECORDS = st.fixed_dictionaries(
    {
        "amount_eur": st.floats(0, 1e38),
        "instalments": st.integers(1, 600),
        "is_employed": st.none() | st.booleans(),
        "channel": st.sampled_from(["web", "branch", "fax", "", None]),
        "opened_at": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    }
)
PAYMENT_RECORDS = st.fixed_dictionaries(
    {
        "amount": st.floats(0, 1e38),
        "instalments": st.integers(-600, 600),
        "is_night": st.none() | st.booleans(),
        "channel": st.sampled_from(["web", "fax", None]),
        "opened_at": st.none(),
    },
    optional={name: st.none() | st.floats(allow_nan=False, allow_infinity=False) for name in PAYMENTS.history},
)


def encoded(contract, records) -> np.ndarray:
    return Encoder(contract, CODES).encode(columns_from_records(contract, records))


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and np.array_equal(left.view(np.uint32), right.view(np.uint32))


def test_the_columns_are_features_then_derived_in_the_order_of_the_contract():
    assert Encoder(LOANS, CODES).column_names == (
        "amount_eur",
        "instalments",
        "is_employed",
        "channel",
        *(f"opened_at.{part}" for part in ("year", "month", "day", "weekday", "hour", "minute", "elapsed_days")),
        "amount_a_month",
    )


def test_history_comes_between_features_and_derived_columns_and_may_be_missing():
    payment = {"amount": 100.0, "instalments": 1, "payments_1d": 3.0, "mean_amount_7d": None, "terminals_7d": 2.0}
    columns = Encoder(PAYMENTS, CODES).column_names
    assert columns[4:] == ("opened_at.hour", *PAYMENTS.history, "amount_above_mean")
    row = dict(zip(columns, encoded(PAYMENTS, [payment])[0].tolist(), strict=True))
    assert (row["payments_1d"], row["terminals_7d"]) == (3, 2)
    assert all(map(np.isnan, (row["mean_amount_7d"], row["since_web_payment"], row["amount_above_mean"])))


def test_every_dtype_is_encoded():
    opened_at = datetime(2020, 1, 2, 3, 4, tzinfo=UTC)
    loan = {"amount_eur": 100, "instalments": 8, "is_employed": True, "channel": "web", "opened_at": opened_at}
    days = np.float32(1 + (3 * 60 + 4) / 1440)
    assert encoded(LOANS, [loan]).tolist() == [[100, 8, 1, 0.25, 2020, 1, 2, 3, 3, 4, days, 12.5]]


def test_missing_values_are_nan_and_missing_levels_have_their_code():
    loan = {"amount_eur": 100, "instalments": 8, "is_employed": None, "channel": None, "opened_at": None}
    row = encoded(LOANS, [loan])[0].tolist()
    assert np.isnan(row[2])
    assert row[3] == 0.75
    assert np.isnan(row[4:11]).all()


def test_a_level_that_training_did_not_see_has_its_own_code():
    values = np.array(["web", "fax", "", None], dtype=object)
    assert CODES["channel"].encode(values).tolist() == [0.25, 0.5, 0.5, 0.75]


def test_a_category_without_learned_codes_cannot_be_encoded():
    with pytest.raises(KeyError):
        Encoder(LOANS).encode(columns_from_records(LOANS, []))


def test_no_rows_are_a_matrix_of_no_rows():
    matrix = encoded(CREDIT, [])
    assert matrix.shape == (0, 8)
    assert matrix.dtype == np.float32


def test_the_matrix_is_float32_in_c_order():
    matrix = encoded(CREDIT, [record(), record()])
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous


def test_numbers_beyond_float32_are_clipped():
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "float"\n[derived.big]\nformula = "x * x"\n'
        '[derived.low]\nformula = "-x * x"\n[derived.huge]\nformula = "x * x * x * x * x * x * x * x * x * x"\n',
        source="a.toml",
    )
    row = encoded(contract, [{"x": FLOAT32_MAX}])[0]
    assert row.tolist() == [FLOAT32_MAX, FLOAT32_MAX, -FLOAT32_MAX, FLOAT32_MAX]


def test_an_undefined_derived_feature_is_missing():
    contract = contract_from_toml(
        'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "float"\n[derived.r]\nformula = "1 / x"\n',
        source="a.toml",
    )
    matrix = encoded(contract, [{"x": 0.0}, {"x": 4.0}])
    assert np.isnan(matrix[0, 1])
    assert matrix[1, 1] == 0.25


@pytest.mark.parametrize(
    "contract_and_records",
    [(CREDIT, CREDIT_RECORDS), (LOANS, LOAN_RECORDS), (PAYMENTS, PAYMENT_RECORDS)],
    ids=["credit", "loans", "payments"],
)
@given(data=st.data())
def test_a_batch_is_its_single_records_bit_for_bit_in_any_order(contract_and_records, data):
    contract, strategy = contract_and_records
    records = data.draw(st.lists(strategy, min_size=1, max_size=6))
    batch = encoded(contract, records)
    assert same_bits(batch, np.concatenate([encoded(contract, [each]) for each in records]))
    order = data.draw(st.permutations(range(len(records))))
    assert same_bits(batch[list(order)], encoded(contract, [records[index] for index in order]))


@pytest.mark.parametrize(
    "contract_and_records",
    [(CREDIT, CREDIT_RECORDS), (LOANS, LOAN_RECORDS), (PAYMENTS, PAYMENT_RECORDS)],
    ids=["credit", "loans", "payments"],
)
@given(data=st.data())
def test_a_few_records_are_encoded_as_many_are(contract_and_records, data):
    contract, strategy = contract_and_records
    records = data.draw(st.lists(strategy, max_size=FEW_RECORDS + 2))
    few = few_rows(contract, records)
    np.testing.assert_array_equal(few, encoded(contract, records))


def test_a_record_may_leave_out_what_may_be_missing():
    loan = {"amount_eur": 100, "instalments": 8, "opened_at": datetime(2020, 1, 2, tzinfo=UTC)}
    few = few_rows(LOANS, [loan, {"amount_eur": FLOAT32_MAX, "instalments": 1}])
    np.testing.assert_array_equal(few, encoded(LOANS, [loan, {"amount_eur": FLOAT32_MAX, "instalments": 1}]))
    assert few[1, 0] == np.float32(FLOAT32_MAX)


@given(LOAN_RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_a_record_s_keys_does_not_matter(loan, shuffler: random.Random):
    keys = list(loan)
    shuffler.shuffle(keys)
    assert same_bits(encoded(LOANS, [loan]), encoded(LOANS, [{key: loan[key] for key in keys}]))


def parts_of(moment: datetime) -> dict[str, float]:
    seconds = np.array([epoch_seconds(moment)])
    return {part: calendar_part(seconds, part)[0] for part in ("year", "month", "day", "weekday", "hour", "minute")}


def expected_parts(moment: datetime) -> dict[str, float]:
    return {
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "weekday": moment.weekday(),
        "hour": moment.hour,
        "minute": moment.minute,
    }


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 58)))  # noqa: DTZ001
def test_the_parts_of_a_time_are_python_s(moment):
    assert parts_of(moment) == expected_parts(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T00:00:00",
        "2000-02-29T23:59:59",
        "1900-02-28T23:59:59",
        "1900-03-01",
        "2023-12-31T23:59:59",
        "2024-01-01",
        "1969-12-31T23:59:59",
        "1969-12-31T23:59:59.999999",
        "1970-01-01",
        "1582-10-10",
        "0001-01-01",
        "9999-12-31",
    ],
)
def test_leap_days_year_ends_and_times_before_1970_are_right(text):
    moment = datetime.fromisoformat(text)
    assert parts_of(moment) == expected_parts(moment)


def test_the_part_of_a_missing_time_is_missing():
    assert np.isnan(calendar_part(np.array([np.nan]), "year")).all()


def elapsed(since: str, rest: str = "") -> str:
    return (
        'name = "a"\n[target]\nname = "y"\n[time]\nname = "now"\n'
        f'[features.at]\ndtype = "datetime"\nelapsed_days_since = "{since}"\n{rest}'
    )


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_elapsed_days_are_python_s(moment):
    contract = contract_from_toml(elapsed("2000-02-29T12:00:00+02:00"), source="a.toml")
    origin = datetime.fromisoformat("2000-02-29T12:00:00+02:00")
    expected = np.float32((moment.replace(tzinfo=UTC) - origin) / timedelta(days=1))
    assert encoded(contract, [{"at": moment}])[0, 0] == expected


def test_elapsed_days_may_count_from_the_time_column_or_another_feature():
    opened = '[features.opened]\ndtype = "datetime"\nparts = ["year"]\nnullable = true\n'
    at, earlier = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 2, 28, 12, tzinfo=UTC)
    for since, name in (("now", "now"), ("opened", "opened")):
        contract = contract_from_toml(elapsed(since, opened), source="a.toml")
        matrix = encoded(contract, [{"at": at, name: earlier}, {"at": at, name: None}])
        assert matrix[0, 0] == 1.5
        assert np.isnan(matrix[1, 0])


def calls_to_build(columns: int) -> int:
    """How many calls of functions it takes to make the row encoder of a contract with so many columns."""
    text = 'name = "wide"\n[target]\nname = "y"\n'
    for index in range(columns):
        text += f'[features.f{index}]\ndtype = "{("float", "int", "category")[index % 3]}"\n'
        text += f'[derived.d{index}]\nformula = "f0 + 1"\n' if index % 10 == 0 else ""
    contract = contract_from_toml(text, source="wide")
    codes = {name: LevelCodes({}, 0.5, 0.5) for name, dtype in contract.dtypes.items() if dtype == "category"}
    encoder = Encoder(contract, codes)
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        row_encoder(encoder)
    finally:
        sys.setprofile(None)
    return calls


def test_building_takes_time_that_grows_with_the_number_of_columns():
    assert calls_to_build(600) < 2.2 * calls_to_build(300)
