"""A request body is either records of the contract or refused, with every bad field named and no value told."""

import contextlib
import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import FraudError, InvalidRecords, MalformedBody, TooManyRecords
from fraud_detection_api.schemas.parser import RecordParser, record_parser
from fraud_detection_api.schemas.problem import MAX_PROBLEMS
from support.builders import OVERDRAWN, every_dtype_contract, record
from support.parsing import CREDIT, LOAN, LOANS, body, loan, problems_of, raw


def test_the_given_record_passes():
    assert CREDIT.parse(body(OVERDRAWN), limit=1) == [OVERDRAWN]


def test_records_keep_their_order():
    records = [record(customer_id=number) for number in (3, 1, 2)]
    assert CREDIT.parse(body(*records), limit=3) == records


def test_every_dtype_is_read():
    assert LOANS.parse(body(LOAN), limit=1) == [
        loan(applied_at=datetime(2026, 1, 1, tzinfo=UTC), opened_at=datetime(2020, 2, 29, 10, tzinfo=UTC))
    ]


def test_no_records_are_fine():
    assert CREDIT.parse(b" [ ] ", limit=1) == []


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
    assert problems_of(LOANS, body(without)) == {f"/0/{name}": "is required"}
    assert set(problems_of(LOANS, body(loan(**{name: None})))) == {f"/0/{name}"}


INTEGER, NUMBER, BOOLEAN, TEXT = "must be an integer", "must be a number", "must be true or false", "must be a string"
TIME = "must be an ISO 8601 time, such as 2026-11-22T10:00:00Z"


@pytest.mark.parametrize(
    ("field", "text", "detail"),
    [
        ("instalments", '"12"', INTEGER),
        ("instalments", "true", INTEGER),
        ("instalments", "12.0", INTEGER),
        ("instalments", "1e1", INTEGER),
        ("instalments", "12.5", INTEGER),
        ("instalments", "[12]", INTEGER),
        ("instalments", "{}", INTEGER),
        ("instalments", "null", INTEGER),
        ("instalments", "NaN", INTEGER),
        ("instalments", "0", "must be at least 1"),
        ("instalments", "601", "must be at most 600"),
        ("instalments", "1" + "0" * 400, "must be at most 600"),
        ("instalments", "-1" + "0" * 400, "must be at least 1"),
        ("amount_eur", '"1"', NUMBER),
        ("amount_eur", "true", NUMBER),
        ("amount_eur", "null", NUMBER),
        ("amount_eur", "[]", NUMBER),
        ("amount_eur", "-0.5", "must be at least 0"),
        ("amount_eur", "1e39", "must be at most 3.4028234663852886e+38"),
        ("amount_eur", "NaN", "must be a finite number"),
        ("amount_eur", "Infinity", "must be a finite number"),
        ("amount_eur", "-Infinity", "must be a finite number"),
        ("amount_eur", "1e999", "must be a finite number"),
        ("amount_eur", "1" + "0" * 400, "must be a finite number"),
        ("is_employed", "1", BOOLEAN),
        ("is_employed", '"true"', BOOLEAN),
        ("is_employed", "0.0", BOOLEAN),
        ("channel", "1", TEXT),
        ("channel", "true", TEXT),
        ("channel", '["web"]', TEXT),
        ("channel", '""', "must not be empty; send null where it is missing"),
        ("channel", '"  "', "must not be empty; send null where it is missing"),
        ("channel", '"' + "x" * 257 + '"', "must be at most 256 characters"),
        ("application", "1", TEXT),
        ("application", '""', "must not be empty"),
        ("opened_at", "0", TIME),
        ("opened_at", '"1582934400"', TIME),
        ("opened_at", '"1.5"', TIME),
        ("opened_at", '"-5"', TIME),
        ("opened_at", '"yesterday"', TIME),
        ("opened_at", '"2020-02-30T00:00:00Z"', TIME),
        ("opened_at", '"2020-02-29T23:59:60Z"', TIME),
        ("opened_at", '"2020-02-29T10:00\\u221202:00"', TIME),
        ("opened_at", '" "', TIME),
        ("opened_at", '"2020-02-29T25:00:00Z"', TIME),
        ("opened_at", '"0000-01-01T00:00:00Z"', TIME),
        ("opened_at", "null", TIME),
        ("applied_at", "1", TIME),
        ("applied_at", '"1"', TIME),
    ],
)
def test_a_value_of_another_kind_is_refused(field, text, detail):
    assert problems_of(LOANS, raw(field, text, of=LOAN)) == {f"/0/{field}": detail}


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


def test_null_is_not_proposed_where_it_would_be_refused():
    toml = 'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "category"\n'
    assert problems_of(RecordParser(contract_from_toml(toml, source="a")), b'[{"x": ""}]') == {
        "/0/x": "must not be empty"
    }


def test_a_level_is_stripped_as_a_file_s_texts_are():
    assert LOANS.parse(body(loan(channel=" web\n")), limit=1)[0]["channel"] == "web"


def test_an_id_must_fit_64_bits():
    assert CREDIT.parse(body(record(customer_id=2**63 - 1)), limit=1)
    assert problems_of(CREDIT, body(record(customer_id=2**63)))["/0/customer_id"].startswith("must be at most")
    assert problems_of(CREDIT, body(record(customer_id=-(2**63) - 1)))["/0/customer_id"].startswith("must be at least")


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**53 + 1])
def test_an_integer_that_is_not_kept_exactly_is_refused(number):
    parser = RecordParser(
        contract_from_toml('name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "int"\n', source="a")
    )
    assert "9007199254740991" in problems_of(parser, body({"x": number}))["/0/x"]
    assert parser.parse(body({"x": 2**53 - 1}), limit=1)


def test_an_unknown_field_is_refused_with_what_there_is():
    (detail,) = problems_of(CREDIT, body(record(age=3))).values()
    assert detail == (
        "is not a field of a record; the fields are customer_id, number_of_open_accounts, total_credit_limit, "
        "total_balance, number_of_accounts_in_arrears"
    )


def test_the_target_is_no_field_of_a_request():
    assert set(problems_of(CREDIT, body(record(is_fraud=1)))) == {"/0/is_fraud"}


@pytest.mark.parametrize(
    ("name", "pointer"), [("a/b", "/0/a~1b"), ("m~n", "/0/m~0n"), ("~1", "/0/~01"), ("", "/0/"), ("é", "/0/é")]
)
def test_pointers_are_escaped(name, pointer):
    assert pointer in problems_of(CREDIT, body(record(**{name: 1})))


def test_a_made_up_name_is_cut():
    (pointer,) = problems_of(CREDIT, body(record(**{"x" * 5000: 1})))
    assert pointer == "/0/" + "x" * 256


def test_every_bad_field_of_every_record_is_named():
    content = body(
        record(total_balance="1", total_credit_limit=-1), record(), record(number_of_open_accounts=True, extra=1)
    )
    assert set(problems_of(CREDIT, content)) == {
        "/0/total_balance",
        "/0/total_credit_limit",
        "/2/number_of_open_accounts",
        "/2/extra",
    }


def test_the_error_counts_its_problems():
    with pytest.raises(InvalidRecords, match=r"^1 field did not pass; nothing was scored$"):
        CREDIT.parse(body(record(total_balance="1")), limit=1)
    with pytest.raises(InvalidRecords, match=r"^2 fields did not pass"):
        CREDIT.parse(body(record(total_balance="1", total_credit_limit=None)), limit=1)


@pytest.mark.parametrize(
    "content",
    [
        body(*[{}] * MAX_PROBLEMS),
        body(*[record(total_balance=None)] * (MAX_PROBLEMS + 1)),
        body(*[record(number_of_accounts_in_arrears=20, number_of_open_accounts=1)] * (MAX_PROBLEMS + 1)),
        b"[" + b",".join([body(record())[1:-2] + b', "customer_id": 1}'] * (MAX_PROBLEMS + 1)) + b"]",
        body({**record(), **{f"unknown_{number}": 1 for number in range(MAX_PROBLEMS + 1)}}),
        body(*[{**record(), "unknown": 1}] * (MAX_PROBLEMS + 1)),
    ],
    ids=[
        "many in a record",
        "one in a record",
        "constraints",
        "duplicates",
        "unknown in a record",
        "one unknown in each",
    ],
)
def test_problems_are_capped(content):
    said = r"^more than 1000 fields did not pass; the first 1000 are listed; nothing was scored$"
    with pytest.raises(InvalidRecords, match=said) as caught:
        CREDIT.parse(content, limit=2 * MAX_PROBLEMS)
    assert len(caught.value.problems) == MAX_PROBLEMS


def test_as_many_problems_as_are_listed_are_counted():
    with pytest.raises(InvalidRecords, match=r"^1000 fields did not pass; nothing was scored$"):
        CREDIT.parse(body(*[record(total_balance=None)] * MAX_PROBLEMS), limit=MAX_PROBLEMS)


@pytest.mark.parametrize("content", [b"{}", b"null", b"3", b'"text"', b"true"])
def test_a_body_that_is_no_array_is_refused(content):
    assert problems_of(CREDIT, content) == {"": "must be an array of records"}


def test_records_that_are_no_objects_are_refused():
    assert problems_of(CREDIT, b'[1, null, "x", [], [[]]]') == {f"/{index}": "must be an object" for index in range(5)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"[",
        b"[{]",
        b"[{},]",
        b"[] []",
        b"[]x",
        b"{'a': 1}",
        b'[{"a": 01}]',
        b'[{"a": +1}]',
        b'[{"a": .5}]',
        b'[{"a": 1.}]',
        b'[{"a": 0x10}]',
        b'[{"a": nan}]',
        b"[/* */]",
        b'[{"a": "\n"}]',
        b'[{"a": "\\x"}]',
        b'[{"a": "\\ud800"}]',
        b'[{"a": "\xff"}]',
        b'[{"a": "\xed\xa0\x80"}]',
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
        b"\x00",
        b"[" * 100_000,
        b'[{"a":' * 50_000,
        b'[{"a": ' + b"[" * 300 + b"]" * 300 + b"}]",
        b'[{"total_balance": 1' + b"0" * 5000 + b"}]",
        b'[{"customer_id": -1' + b"0" * 5000 + b"}]",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_body_that_is_not_json_is_malformed(content):
    with pytest.raises(MalformedBody, match=r"^the body is not JSON: .* at line \d+ column \d+$"):
        CREDIT.parse(content, limit=1)


def test_deep_nesting_that_is_json_is_refused_as_a_bad_field():
    content = raw("channel", "[" * 150 + "]" * 150, of=LOAN)
    assert problems_of(LOANS, content) == {"/0/channel": TEXT}


def test_more_records_than_the_limit_are_too_many():
    assert len(CREDIT.parse(body(*[OVERDRAWN] * 3), limit=3)) == 3
    with pytest.raises(TooManyRecords, match="more than 3 records"):
        CREDIT.parse(body(*[OVERDRAWN] * 4), limit=3)


def test_too_many_bad_records_are_too_many():
    with pytest.raises(TooManyRecords):
        CREDIT.parse(body(*[{}] * 4), limit=3)


def test_the_parser_of_a_contract_is_built_once():
    assert record_parser(load_contract("credit")) is record_parser(load_contract("credit"))
    assert record_parser(every_dtype_contract()) is not record_parser(load_contract("credit"))


MARKERS = st.text("QXZJKV", min_size=10, max_size=30)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@given(st.data(), MARKERS)
def test_no_value_is_ever_in_an_error(data, marker):
    shape = data.draw(st.sampled_from(["text", "list", "object value", "padded", "bare", "cut"]))
    value = {"list": [marker], "object value": {"a": marker}, "padded": f"2020-{marker}"}.get(shape, marker)
    field = data.draw(st.sampled_from([*LOAN, "extra"]))
    content = body(loan(**{"amount_eur": "also bad", field: value}))
    content = {"bare": json.dumps(marker).encode(), "cut": content[: content.rindex(marker.encode()) + 12]}.get(
        shape, content
    )
    with pytest.raises(FraudError) as caught:
        LOANS.parse(content, limit=1)
    told = str(caught.value) + repr(getattr(caught.value, "problems", ()))
    assert marker[:8] not in told
    assert "also bad" not in told
    assert caught.value.__cause__ is None


@given(st.integers(10**9, 10**15))
def test_no_number_is_ever_in_an_error(number):
    with pytest.raises(InvalidRecords) as caught:
        LOANS.parse(body(loan(instalments=number, amount_eur=-number)), limit=1)
    assert str(number) not in str(caught.value) + repr(caught.value.problems)


@given(st.binary(max_size=60) | JSON_VALUES.map(lambda value: json.dumps([value]).encode()))
def test_any_bytes_are_records_or_an_expected_error(content):
    with contextlib.suppress(FraudError):
        assert isinstance(LOANS.parse(content, limit=10), list)


@given(st.floats(0, 3e38))
def test_numbers_keep_their_bits(number):
    (parsed,) = LOANS.parse(body(loan(amount_eur=max(number, 12.0))), limit=1)
    assert math.copysign(parsed["amount_eur"], 1) == max(number, 12.0)


LARGE = 20_000


@pytest.mark.parametrize("parse", [CREDIT.parse, CREDIT.parse_decisions])
@pytest.mark.parametrize(
    "stuffing",
    [{str(number): 1 for number in range(LARGE)}, [1] * LARGE, [[{}]] * LARGE],
    ids=["an object", "numbers", "arrays"],
)
@pytest.mark.parametrize("name", ["unknown", "total_balance"])
def test_a_large_body_is_told_what_a_small_one_is(parse, stuffing, name):
    def told(content):
        records = {name: content, "number_of_open_accounts": "x"}
        sent = json.dumps([records] if parse == CREDIT.parse else {"records": [records]})
        with pytest.raises(InvalidRecords) as caught:
            parse(sent.encode(), limit=1)
        return caught.value.problems

    assert told(stuffing) == told({"a": 1})


def test_texts_full_of_colons_and_commas_are_no_fault():
    records = [loan(channel=":," * 50) for _ in range(1000)]
    assert len(LOANS.parse(body(*records), limit=1000)) == 1000
    wrong = body(*records, loan(channel=7))
    with pytest.raises(InvalidRecords) as caught:
        LOANS.parse(wrong, limit=1001)
    assert [problem.pointer for problem in caught.value.problems] == ["/1000/channel"]
