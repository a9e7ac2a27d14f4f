"""A field that occurs twice is refused, however it is spelled."""

import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import OVERDRAWN, record
from support.parsing import CREDIT, LOAN, LOANS, body, loan, pointers_of, raw, refused


@pytest.mark.parametrize(
    "content",
    [
        b'"customer_id": 1, "customer_id": 1',
        b'"customer_id": 1, "customer_id": 2',
        b'"customer_id": 1, "customer_i\\u0064": 2',
        b'"\\u0063ustomer_id": 1, "\\u0063ustomer_id": 2',
        b'"customer_id"\n:\n1\n,\n"customer_id"\n:\n2',
    ],
)
def test_a_field_that_occurs_twice_is_refused(content):
    rest = b', "number_of_open_accounts": 1, "total_credit_limit": 1, "total_balance": 1, "number_of_accounts_in_arrears": 0'
    assert pointers_of(CREDIT, body(record())[:-1] + b", {" + content + rest + b"}]") == ["/1/customer_id"]


def test_duplicates_and_bad_fields_are_reported_together():
    content = b'[{"customer_id": 1, "customer_id": 2, "total_balance": "x", "total_balance": "y"}]'
    pointers = [problem.pointer for problem in refused(CREDIT, content)]
    assert pointers.count("/0/customer_id") == 1
    assert pointers.count("/0/total_balance") == 2


def test_an_optional_field_left_out_does_not_hide_a_duplicate():
    content = body({key: value for key, value in LOAN.items() if key != "channel"})
    twice = content.replace(b'"instalments": 12', b'"instalments": 12, "instalments": 13')
    assert pointers_of(LOANS, twice) == ["/0/instalments"]


def test_an_unknown_field_that_occurs_twice_is_reported_as_both():
    content = body(OVERDRAWN)[:-2] + b', "a~b": 1, "a~b": 2}]'
    pointers = [problem.pointer for problem in refused(CREDIT, content)]
    assert pointers.count("/0/a~0b") == 2, "unknown once, and repeated once"


def test_objects_with_duplicate_keys_inside_a_field_are_refused():
    assert pointers_of(LOANS, raw("channel", '{"a": 1, "a": 2}', of=LOAN)) == ["/0/channel"]


@pytest.mark.parametrize("text", ["a:b", '{"channel": 1, "channel": 2}', "::::", '"channel":"web"', "\\u003a"])
def test_what_looks_like_keys_inside_a_text_is_no_duplicate(text):
    assert LOANS.parse(body(loan(channel=text)), limit=1)[0]["channel"] == text


def test_a_field_may_have_a_colon_in_its_name():
    toml = 'name = "a"\n[target]\nname = "y"\n[features."a:b"]\ndtype = "int"\n'
    parser = RecordParser(contract_from_toml(toml, source="a"))
    assert parser.parse(b'[{"a:b": 1}, {"a\\u003ab": 2}]', limit=2) == [{"a:b": 1}, {"a:b": 2}]
    assert pointers_of(parser, b'[{"a\\u003ab": 1, "a:b": 2}]') == ["/0/a:b"]
