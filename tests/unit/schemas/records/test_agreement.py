"""A file and a request say the same of a record: accepted or refused, and the same bits to the model."""

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.encoding import Encoder, LevelCodes
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import InvalidRecords
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.tables.checking import check_table
from support.builders import OVERDRAWN, every_dtype_contract

CODES = {"channel": LevelCodes({"web": 0.25, "branch": 0.125}, unseen=0.5, missing=0.75)}
TIMES = st.datetimes(timezones=st.none() | st.just(UTC))

DAYS = ["2024-1-1", "2024-02-30", "20240101", "2024-W01-1", "-001-01-01", "+2024-01-01", "0000-12-31", "0001-01-01"]
DAYS += ["9999-12-31", "\N{ARABIC-INDIC DIGIT TWO}024-01-01"]
CLOCKS = [
    "",
    "10",
    "10:00",
    "1000",
    "10:0:00",
    "10:00:00",
    "10:00:00.5",
    "10:00:00,5",
    "10:00:00.",
    "10:00:00.123456789",
]
CLOCKS += ["10:00:00.1234567890", "23:59:60", "24:00", "24:00:00"]
ZONES = [
    "",
    "Z",
    "z",
    " Z",
    "UTC",
    "+02",
    "+02:00",
    "-0030",
    "+23:59",
    "-23:59",
    "+24:00",
    "+00:00:01",
    "\N{MINUS SIGN}02:00",
]
BLANKS = st.sampled_from(["", "", "", " ", "\n", "\xa0", "\x1c", "\u200b"])
TIME_TEXTS = st.tuples(
    BLANKS,
    st.dates().map(str) | st.sampled_from(DAYS),
    st.sampled_from(["T", "t", " ", "", "_", "  "]),
    st.times().map(str) | st.sampled_from(CLOCKS),
    st.sampled_from(ZONES),
    BLANKS,
).map("".join)

# Only what both can say: 1 for a boolean or a number for a level are a file's ways of writing, and refused on the wire.
ODD_INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-1, 0, 2**53 - 1, 2**53, 2**53 + 1, 10_001, 601])
ODD_NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**53), 2**53),
    st.sampled_from([-0.0, 5e-324, 1e12, 1.1e12, 3.4028234663852886e38, 3.5e38]),
)
WRONG = {
    "int": st.none() | st.booleans() | ODD_INTEGERS | st.floats() | st.integers(-1, 601).map(float),
    "float": st.none() | st.booleans() | ODD_NUMBERS,
    "bool": st.none() | st.integers(2, 9) | st.floats(2, 9) | st.dates().map(lambda day: datetime(day.year, 1, 1)),  # noqa: DTZ001
    "category": st.none() | st.floats(0.1, 0.9) | st.text("ab", min_size=250, max_size=260),
    "datetime": TIME_TEXTS
    | st.none()
    | st.booleans()
    | st.integers(0, 10**9)
    | st.sampled_from(["yesterday", "2020-13-01T00:00:00"]),
}
RIGHT = {
    "number_of_open_accounts": st.integers(0, 10_000),
    "total_credit_limit": st.floats(0, 1e12) | st.integers(0, 10**12),
    "total_balance": st.floats(-1e12, 1e12) | st.integers(-(10**12), 10**12),
    "number_of_accounts_in_arrears": st.integers(0, 20),
    "amount_eur": st.floats(0, 3.4e38) | st.integers(0, 10**6),
    "instalments": st.integers(1, 600),
    "is_employed": st.none() | st.booleans(),
    "channel": st.none() | st.sampled_from(["web", "branch", "fax", " web ", "a:b"]),
    "opened_at": TIMES,
}
RECORD = {"amount_eur": 24.0, "instalments": 12, "is_employed": True, "channel": "web", "opened_at": "2024-01-01"}
CONTRACTS = {
    contract.name: (contract, RecordParser(contract), Encoder(contract, CODES), identifier)
    for contract, identifier in (
        (load_contract("credit"), {"customer_id": OVERDRAWN["customer_id"]}),
        (every_dtype_contract(), {"application": "A-1"}),
    )
}


def on_the_wire(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def both(name: str, features: dict[str, object]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The matrix from a request and the one from a file; None where the record is refused."""
    contract, parser, encoder, identifier = CONTRACTS[name]
    check = check_table(pl.DataFrame({column: [value] for column, value in features.items()}), contract)
    of_file = None if check.problems else encoder.encode(check.columns)
    body = json.dumps([{**identifier, **{column: on_the_wire(value) for column, value in features.items()}}])
    try:
        records = parser.parse(body.encode(), limit=1)
    except InvalidRecords:
        return None, of_file
    return encoder.encode(columns_from_records(contract, records)), of_file


def assert_agreement(name: str, features: dict[str, object]) -> bool:
    of_request, of_file = both(name, features)
    assert (of_request is None) == (of_file is None)
    if of_request is None or of_file is None:
        return False
    assert np.array_equal(of_request.view(np.uint32), of_file.view(np.uint32))
    return True


@st.composite
def features_of(draw: st.DrawFn, name: str) -> dict[str, object]:
    return {column: draw(RIGHT[column]) for column in CONTRACTS[name][0].features}


@settings(max_examples=150)
@given(st.sampled_from(list(CONTRACTS)), st.data())
def test_records_of_the_right_types_are_judged_and_encoded_alike(name, data):
    assert_agreement(name, data.draw(features_of(name)))


@settings(max_examples=400)
@given(st.sampled_from(list(CONTRACTS)), st.data())
def test_a_record_with_one_odd_field_is_judged_and_encoded_alike(name, data):
    features = data.draw(features_of(name))
    column = data.draw(st.sampled_from(list(features)))
    features[column] = data.draw(WRONG[CONTRACTS[name][0].features[column].dtype])
    assert_agreement(name, features)


@given(TIME_TEXTS | st.dates().map(str) | TIMES)
def test_a_time_is_the_same_second_from_both(moment):
    contract, parser, _, identifier = CONTRACTS["every_dtype"]
    features = RECORD | {"opened_at": moment}
    check = check_table(pl.DataFrame({column: [value] for column, value in features.items()}), contract)
    body = json.dumps([{**identifier, **features, "opened_at": on_the_wire(moment)}]).encode()
    try:
        seconds = columns_from_records(contract, parser.parse(body, limit=1))["opened_at"]
    except InvalidRecords:
        assert check.problems
    else:
        assert not check.problems
        assert seconds.tobytes() == check.columns["opened_at"].tobytes()


@pytest.mark.parametrize(
    "text", ["2024-01-01", " 2024-01-01t10:00:00z\n", "2024-01-01 10:00+0200", "9999-12-31T23:59:59.999999Z"]
)
def test_both_accept_a_time_however_it_is_written(text):
    assert assert_agreement("every_dtype", RECORD | {"opened_at": text})


@pytest.mark.parametrize(
    "text", ["2024-01-01T23:59:60Z", "2024-1-1T00:00:00", "-001-01-01", "2024-01-01T10:00\N{MINUS SIGN}02:00", " "]
)
def test_both_refuse_what_is_no_calendar_time(text):
    assert not assert_agreement("every_dtype", RECORD | {"opened_at": text})


def test_the_given_record_is_accepted_by_both():
    features = {column: value for column, value in OVERDRAWN.items() if column != "customer_id"}
    assert assert_agreement("credit", features)


def test_both_refuse_what_breaks_the_constraint():
    features = {column: value for column, value in OVERDRAWN.items() if column != "customer_id"}
    assert not assert_agreement("credit", features | {"number_of_accounts_in_arrears": 24})
