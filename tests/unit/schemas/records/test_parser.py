"""A body is either records of the contract or refused, with every bad field named and no value repeated."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import FraudError, InvalidRecords, MalformedBody, TooManyRecords
from fraud_detection_api.schemas.problem import MAX_PROBLEMS
from fraud_detection_api.schemas.records.parser import record_parser
from support.builders import OVERDRAWN, every_dtype_contract, record
from support.parsing import CREDIT, LOAN, LOANS, body, loan, pointers_of, raw, refused


def test_the_given_record_passes():
    assert CREDIT.parse(body(OVERDRAWN), limit=1) == [OVERDRAWN]


def test_records_keep_their_order():
    records = [record(customer_id=number) for number in (3, 1, 2)]
    assert CREDIT.parse(body(*records), limit=3) == records


def test_no_records_are_fine():
    assert CREDIT.parse(b" [ ] ", limit=1) == []


@pytest.mark.parametrize("name", ["age", "is_fraud"])
def test_an_unknown_field_is_refused_and_the_target_is_one(name):
    assert pointers_of(CREDIT, body(record(**{name: 1}))) == [f"/0/{name}"]


@pytest.mark.parametrize(
    ("name", "pointer"), [("a/b", "/0/a~1b"), ("m~n", "/0/m~0n"), ("~1", "/0/~01"), ("", "/0/"), ("é", "/0/é")]
)
def test_pointers_are_escaped(name, pointer):
    assert pointers_of(CREDIT, body(record(**{name: 1}))) == [pointer]


def test_a_made_up_name_is_cut():
    assert pointers_of(CREDIT, body(record(**{"x" * 5000: 1}))) == ["/0/" + "x" * 256]


def test_every_bad_field_of_every_record_is_named():
    content = body(
        record(total_balance="1", total_credit_limit=-1), record(), record(number_of_open_accounts=True, extra=1)
    )
    assert set(pointers_of(CREDIT, content)) == {
        "/0/total_balance",
        "/0/total_credit_limit",
        "/2/number_of_open_accounts",
        "/2/extra",
    }


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
    problems = refused(CREDIT, content, limit=2 * MAX_PROBLEMS)
    assert len(problems) == MAX_PROBLEMS


@pytest.mark.parametrize("content", [b"{}", b"null", b"3", b'"text"', b"true"])
def test_a_body_that_is_no_array_is_refused(content):
    assert pointers_of(CREDIT, content) == [""]


def test_records_that_are_no_objects_are_refused():
    assert pointers_of(CREDIT, b'[1, null, "x", [], [[]]]') == [f"/{index}" for index in range(5)]


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
    with pytest.raises(MalformedBody, match=r"line \d+ column \d+"):
        CREDIT.parse(content, limit=1)


def test_deep_nesting_that_is_json_is_refused_as_a_bad_field():
    content = raw("channel", "[" * 150 + "]" * 150, of=LOAN)
    assert pointers_of(LOANS, content) == ["/0/channel"]


def test_more_records_than_the_limit_are_too_many():
    assert len(CREDIT.parse(body(*[OVERDRAWN] * 3), limit=3)) == 3
    with pytest.raises(TooManyRecords):
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
    reported = str(caught.value) + repr(getattr(caught.value, "problems", ()))
    assert marker[:8] not in reported
    assert "also bad" not in reported
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


LARGE = 20_000


@pytest.mark.parametrize("parse", [CREDIT.parse, CREDIT.parse_decisions])
@pytest.mark.parametrize(
    "stuffing",
    [{str(number): 1 for number in range(LARGE)}, [1] * LARGE, [[{}]] * LARGE],
    ids=["an object", "numbers", "arrays"],
)
@pytest.mark.parametrize("name", ["unknown", "total_balance"])
def test_a_large_body_has_the_problems_of_a_small_one(parse, stuffing, name):
    def problems(content):
        records = {name: content, "number_of_open_accounts": "x"}
        sent = json.dumps([records] if parse == CREDIT.parse else {"records": [records]})
        with pytest.raises(InvalidRecords) as caught:
            parse(sent.encode(), limit=1)
        return caught.value.problems

    assert problems(stuffing) == problems({"a": 1})


def test_texts_full_of_colons_and_commas_are_accepted():
    records = [loan(channel=":," * 50) for _ in range(1000)]
    assert len(LOANS.parse(body(*records), limit=1000)) == 1000
    wrong = body(*records, loan(channel=7))
    assert [problem.pointer for problem in refused(LOANS, wrong, limit=1001)] == ["/1000/channel"]
