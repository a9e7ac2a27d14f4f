"""The contract's constraints hold for a request as they do for a file."""

import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import record
from support.parsing import CREDIT, body, pointers_of, refused


def test_a_constraint_blames_its_field():
    content = body(record(), record(number_of_accounts_in_arrears=24))
    problem = FieldProblem("/1/number_of_accounts_in_arrears", "must be at most number_of_open_accounts")
    assert refused(CREDIT, content) == (problem,)


CONSTRAINT = '[constraints.r]\nfield = "a"\nmessage = "must do"\n'


def with_constraint(dtype: str, check: str, *, nullable: bool = True) -> RecordParser:
    feature = f'dtype = "{dtype}"\nnullable = {str(nullable).lower()}\n'
    text = f'name = "a"\n[target]\nname = "y"\n[features.a]\n{feature}[features.b]\n{feature}{CONSTRAINT}check = "{check}"\n'
    return RecordParser(contract_from_toml(text, source="a"))


@pytest.mark.parametrize("missing", [{"a": None, "b": 1}, {"b": 1}, {"a": 5}, {"a": 5, "b": None}, {}])
def test_a_missing_operand_passes_the_constraint(missing):
    assert with_constraint("int", "a < b").parse(body(missing), limit=1) == [missing]


def test_a_constraint_may_calculate_with_booleans():
    parser = with_constraint("bool", "a - b <= 0")
    assert parser.parse(body({"a": True, "b": True}), limit=1)
    assert pointers_of(parser, body({"a": True, "b": False})) == ["/0/a"]
    assert pointers_of(with_constraint("bool", "a + b <= 1"), body({"a": True, "b": True})) == ["/0/a"]


def test_a_constraint_does_not_overflow_on_large_integers():
    big = 2**53 - 1
    assert pointers_of(with_constraint("int", "a * b <= 0"), body({"a": big, "b": big})) == ["/0/a"]


TWO_CONSTRAINTS = """
name = "a"
[target]
name = "y"
[features.a]
dtype = "int"
nullable = true
[features.b]
dtype = "int"
[features.c]
dtype = "float"
[constraints.first]
field = "a"
message = "must be less than b"
check = "a < b"
[constraints.second]
field = "c"
message = "must be at least b"
check = "c >= b"
"""
TWO = RecordParser(contract_from_toml(TWO_CONSTRAINTS, source="a"))


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"a": 2, "b": 2, "c": 2}, ["/0/a"]),
        ({"a": 1, "b": 2, "c": 1}, ["/0/c"]),
        ({"a": 2, "b": 2, "c": 1}, ["/0/a", "/0/c"]),
    ],
)
def test_every_broken_constraint_of_a_record_is_reported(given, pointers):
    assert TWO.parse(body({"a": 1, "b": 2, "c": 2}), limit=1)
    assert pointers_of(TWO, body(given)) == pointers


def test_constraints_that_blame_one_field_are_told_apart():
    toml = 'name = "a"\n[target]\nname = "y"\n[features.a]\ndtype = "int"\n' + CONSTRAINT + 'check = "a > 1"\n'
    other = CONSTRAINT.replace(".r]", ".s]").replace("must do", "must be even less") + 'check = "a < -5"\n'
    problems = refused(RecordParser(contract_from_toml(toml + other, source="a")), b'[{"a": 1}]')
    assert problems == (FieldProblem("/0/a", "must do"), FieldProblem("/0/a", "must be even less"))


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"a": 3, "b": 2, "c": "1"}, {"/0/c", "/0/a"}),
        ({"a": 3, "b": 2}, {"/0/c", "/0/a"}),
        ({"a": "3", "b": 2, "c": 1}, {"/0/a", "/0/c"}),
        ({"a": None, "b": "2", "c": 1}, {"/0/b"}),
        ({"a": 3, "b": True, "c": 0}, {"/0/b"}),
        ({"a": 3, "b": [2], "c": 0}, {"/0/b"}),
        ({"a": 1, "b": 2, "c": 10**400}, {"/0/c"}),
    ],
)
def test_a_bad_field_hides_no_broken_constraint_but_its_own(given, pointers):
    assert set(pointers_of(TWO, body(given))) == pointers


def test_an_unknown_field_hides_no_broken_constraint():
    pointers = pointers_of(CREDIT, body(record(), record(number_of_accounts_in_arrears=24, extra=1)))
    assert set(pointers) == {"/1/extra", "/1/number_of_accounts_in_arrears"}


def test_constraints_are_reported_beside_records_that_are_no_objects():
    content = body(1, {"a": 2, "b": 2, "c": "x"}, [], {"a": 2, "b": 2, "c": 2})
    assert set(pointers_of(TWO, content)) == {"/0", "/1/a", "/1/c", "/2", "/3/a"}


@pytest.mark.parametrize("content", [b'"c": 5, "c": "x"', b'"c": "x", "c": 5'])
def test_constraints_beside_a_bad_field_may_meet_a_field_that_occurs_twice(content):
    assert "/0/c" in pointers_of(TWO, b'[{"a": "x", "b": 6, ' + content + b"}]")
