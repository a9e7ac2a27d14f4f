"""The contract's rules hold for a request as they do for a file."""

import json

import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import FieldProblem, InvalidRecords
from fraud_detection_api.schemas.records import RecordParser
from support.builders import record

CREDIT = RecordParser(load_contract("credit"))


def body(*records: object) -> bytes:
    return json.dumps(records).encode()


def refused(parser: RecordParser, content: bytes, *, limit: int = 100) -> tuple[FieldProblem, ...]:
    with pytest.raises(InvalidRecords) as caught:
        parser.parse(content, limit=limit)
    return caught.value.problems


def problems_of(parser: RecordParser, content: bytes) -> dict[str, str]:
    return {problem.pointer: problem.detail for problem in refused(parser, content)}


def test_a_rule_blames_its_field():
    assert problems_of(CREDIT, body(record(), record(number_of_accounts_in_arrears=24))) == {
        "/1/number_of_accounts_in_arrears": "must be at most number_of_open_accounts"
    }


RULE = '[rules.r]\nfield = "a"\nmessage = "must do"\n'


def with_rule(dtype: str, check: str, *, nullable: bool = True) -> RecordParser:
    feature = f'dtype = "{dtype}"\nnullable = {str(nullable).lower()}\n'
    text = f'name = "a"\n[target]\nname = "y"\n[features.a]\n{feature}[features.b]\n{feature}{RULE}check = "{check}"\n'
    return RecordParser(contract_from_toml(text, source="a"))


@pytest.mark.parametrize("missing", [{"a": None, "b": 1}, {"b": 1}, {"a": 5}, {"a": 5, "b": None}, {}])
def test_a_missing_operand_passes_the_rule(missing):
    assert with_rule("int", "a < b").parse(body(missing), limit=1) == [missing]


def test_a_rule_may_calculate_with_booleans():
    parser = with_rule("bool", "a - b <= 0")
    assert parser.parse(body({"a": True, "b": True}), limit=1)
    assert problems_of(parser, body({"a": True, "b": False})) == {"/0/a": "must do"}
    assert problems_of(with_rule("bool", "a + b <= 1"), body({"a": True, "b": True})) == {"/0/a": "must do"}


def test_a_rule_does_not_overflow_on_large_integers():
    big = 2**53 - 1
    assert problems_of(with_rule("int", "a * b <= 0"), body({"a": big, "b": big})) == {"/0/a": "must do"}


def test_several_rules_are_checked_one_after_the_other():
    toml = 'name = "a"\n[target]\nname = "y"\n[features.a]\ndtype = "int"\n' + RULE + 'check = "a > 1"\n'
    parser = RecordParser(
        contract_from_toml(toml + RULE.replace("rules.r", "rules.s") + 'check = "a < 5"\n', source="a")
    )
    assert parser.parse(b'[{"a": 3}]', limit=1)
    assert problems_of(parser, b'[{"a": 1}]') == {"/0/a": "must do"}
    assert problems_of(parser, b'[{"a": 5}]') == {"/0/a": "must do"}
