"""A field of each dtype takes the values that its declaration allows, and no others."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import record
from support.parsing import CREDIT, LOAN, LOANS, PAYMENT, PAYMENTS, body, loan, pointers_of, raw, refused


def test_every_dtype_is_read():
    assert LOANS.parse(body(LOAN), limit=1) == [
        loan(applied_at=datetime(2026, 1, 1, tzinfo=UTC), opened_at=datetime(2020, 2, 29, 10, tzinfo=UTC))
    ]


def test_a_whole_number_is_a_number():
    assert CREDIT.parse(raw("total_balance", "-0"), limit=1)[0]["total_balance"] == 0
    assert CREDIT.parse(raw("total_balance", "1E2"), limit=1)[0]["total_balance"] == 100


@pytest.mark.parametrize("name", ["is_employed", "channel", "applied_at"])
def test_what_may_be_missing_may_be_null_or_left_out(name):
    assert LOANS.parse(body(loan(**{name: None})), limit=1)[0][name] is None
    without = {key: value for key, value in LOAN.items() if key != name}
    assert name not in LOANS.parse(body(without), limit=1)[0]


@pytest.mark.parametrize("name", ["application", "amount_eur", "instalments", "opened_at"])
def test_what_may_not_be_missing_is_required(name):
    without = {key: value for key, value in LOAN.items() if key != name}
    assert pointers_of(LOANS, body(without)) == [f"/0/{name}"]
    assert pointers_of(LOANS, body(loan(**{name: None}))) == [f"/0/{name}"]


def test_keys_are_read_in_their_dtype_and_nullable_ones_may_be_left_out():
    read = PAYMENTS.parse(body(PAYMENT | {"terminal": 17.0, "device": " D-1 "}), limit=1)[0]
    assert (read["terminal"], read["device"]) == (17, "D-1")
    without = {name: sent for name, sent in PAYMENT.items() if name != "device"}
    assert "device" not in PAYMENTS.parse(body(without), limit=1)[0]
    assert PAYMENTS.parse(body(PAYMENT | {"device": None}), limit=1)[0]["device"] is None


@pytest.mark.parametrize("name", ["terminal", "paid_at"])
def test_keys_are_required_and_so_is_the_time_where_there_is_history(name):
    without = {field: sent for field, sent in PAYMENT.items() if field != name}
    assert pointers_of(PAYMENTS, body(without)) == [f"/0/{name}"]
    assert pointers_of(PAYMENTS, body(PAYMENT | {name: None})) == [f"/0/{name}"]


@pytest.mark.parametrize("name", [*PAYMENTS.contract.history, *PAYMENTS.contract.derived])
def test_what_the_server_computes_is_no_field_that_callers_send(name):
    assert pointers_of(PAYMENTS, body(PAYMENT | {name: 1.0})) == [f"/0/{name}"]


@pytest.mark.parametrize(
    ("name", "sent"),
    [("terminal", "17"), ("terminal", 1.5), ("terminal", True), ("terminal", 2**63), ("device", 5), ("device", " ")],
)
def test_a_key_of_another_type_is_refused(name, sent):
    assert pointers_of(PAYMENTS, body(PAYMENT | {name: sent})) == [f"/0/{name}"]


REFUSED = {
    "instalments": [
        '"12"',
        "true",
        "12.5",
        "1e400",
        "601.0",
        "[12]",
        "{}",
        "null",
        "NaN",
        "0",
        "601",
        "1" + "0" * 400,
        "-1" + "0" * 400,
    ],
    "amount_eur": [
        '"1"',
        "true",
        "null",
        "[]",
        "-0.5",
        "1e39",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "1" + "0" * 400,
    ],
    "is_employed": ["1", '"true"', "0.0"],
    "channel": ["1", "true", '["web"]', '""', '"  "', '"' + "x" * 257 + '"'],
    "application": ["1", '""'],
    "opened_at": [
        "0",
        '"1582934400"',
        '"1.5"',
        '"-5"',
        '"yesterday"',
        '"2020-02-30T00:00:00Z"',
        '"2020-02-29T23:59:60Z"',
        '"2020-02-29T10:00\\u221202:00"',
        '" "',
        '"2020-02-29T25:00:00Z"',
        '"0000-01-01T00:00:00Z"',
        "null",
    ],
    "applied_at": ["1", '"1"'],
}


@pytest.mark.parametrize(("field", "text"), [(field, text) for field, texts in REFUSED.items() for text in texts])
def test_a_value_of_another_kind_is_refused(field, text):
    assert pointers_of(LOANS, raw(field, text, of=LOAN)) == [f"/0/{field}"]


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-29T10:00:00Z",
        "2020-02-29T12:00:00+02:00",
        "2020-02-29T10:00:00",
        "2020-02-29 10:00:00.000Z",
        "2020-02-29T10:00",
        "2020-02-29t10:00z",
        " 2020-02-29T10:00\n",
    ],
)
def test_times_may_have_an_offset_or_mean_utc(text):
    (parsed,) = LOANS.parse(body(loan(opened_at=text)), limit=1)
    moment = parsed["opened_at"]
    assert (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) == datetime(2020, 2, 29, 10, tzinfo=UTC)


def test_a_date_alone_is_its_midnight_in_utc():
    assert LOANS.parse(body(loan(opened_at="2020-02-29")), limit=1)[0]["opened_at"] == datetime(2020, 2, 29, tzinfo=UTC)


def test_a_level_is_stripped_as_a_file_s_texts_are():
    assert LOANS.parse(body(loan(channel=" web\n")), limit=1)[0]["channel"] == "web"


def test_an_id_must_fit_64_bits():
    assert CREDIT.parse(body(record(customer_id=2**63 - 1)), limit=1)
    for beyond in (2**63, -(2**63) - 1):
        assert pointers_of(CREDIT, body(record(customer_id=beyond))) == ["/0/customer_id"]


@pytest.mark.parametrize("text", ["12.0", "1.2e1", "120e-1"])
def test_an_integer_may_be_written_as_a_float(text):
    assert repr(LOANS.parse(raw("instalments", text, of=LOAN), limit=1)[0]["instalments"]) == "12"
    assert repr(CREDIT.parse(raw("customer_id", text), limit=1)[0]["customer_id"]) == "12"


@pytest.mark.parametrize("text", ["9007199254740992.0", "-9007199254740992.0", "1e16", "1e400", "12.5"])
def test_an_id_that_is_a_float_must_be_one_integer(text):
    [problem] = refused(CREDIT, raw("customer_id", text))
    assert problem.pointer == "/0/customer_id"


def test_a_level_is_composed_before_its_length_is_checked():
    decomposed = "e\N{COMBINING ACUTE ACCENT}"
    [read] = LOANS.parse(body(loan(channel=decomposed * 256)), limit=1)
    assert read["channel"] == "\N{LATIN SMALL LETTER E WITH ACUTE}" * 256
    assert pointers_of(LOANS, body(loan(channel=decomposed * 257))) == ["/0/channel"]


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**53 + 1])
def test_an_integer_that_is_not_kept_exactly_is_refused(number):
    parser = RecordParser(
        contract_from_toml('name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "int"\n', source="a")
    )
    (problem,) = refused(parser, body({"x": number}))
    assert (problem.pointer, "9007199254740991" in problem.detail) == ("/0/x", True)
    assert parser.parse(body({"x": 2**53 - 1}), limit=1)


@given(st.floats(0, 3e38))
def test_numbers_keep_their_bits(number):
    (parsed,) = LOANS.parse(body(loan(amount_eur=max(number, 12.0))), limit=1)
    assert math.copysign(parsed["amount_eur"], 1) == max(number, 12.0)
