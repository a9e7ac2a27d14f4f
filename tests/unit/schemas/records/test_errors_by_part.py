"""A body is bounded by its structure, not by its bytes alone: what a refusal costs does not grow with what is wrong."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import InvalidLabels, InvalidRecords
from fraud_detection_api.schemas.labels import parse_labels
from fraud_detection_api.schemas.problem import MAX_PROBLEMS
from fraud_detection_api.schemas.records.errors_by_part import ITEMS_A_PART
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import OVERDRAWN, record

SIZE = 64_000


def filled(unit: str) -> bytes:
    return ("[" + ",".join([unit] * (SIZE // (len(unit) + 1))) + "]").encode()


ATTACKS = {
    "empty records": filled("{}"),
    "unknown keys": filled('{"a":{}}'),
    "keys that occur twice": filled('{"a":0,"a":0}'),
    "nested in unknown keys": filled('{"a":' + "[" * 90 + "]" * 90 + "}"),
    "nested items": filled("[" * 90 + "]" * 90),
    "nested in known keys": filled('{"customer_id":{"a":{"b":{}}}}'),
    "one record of unknown keys": ("[{" + ",".join(f'"{number}":0' for number in range(7000)) + "}]").encode(),
    "no array": b'{"a":' + filled('{"a":{}}') + b"}",
}


@pytest.fixture
def made(monkeypatch) -> list[int]:
    """How many errors pydantic made, one validation after another, and what it was given."""
    counts = []
    validate = TypeAdapter.validate_json

    def counted(self, data, **options):
        try:
            return validate(self, data, **options)
        except ValidationError as error:
            counts.append((error.error_count(), len(data)))
            raise

    monkeypatch.setattr(TypeAdapter, "validate_json", counted)
    return counts


@pytest.mark.parametrize("wrapped", [False, True], ids=["array", "request"])
@pytest.mark.parametrize("body", ATTACKS.values(), ids=ATTACKS)
def test_few_more_errors_are_made_than_an_answer_lists(made, body, wrapped):
    parser = RecordParser(load_contract("credit"))
    parse, body = (parser.parse_decisions, b'{"records":' + body + b"}") if wrapped else (parser.parse, body)
    with pytest.raises(InvalidRecords) as refused:
        parse(body, limit=100_000)
    assert len(refused.value.problems) <= MAX_PROBLEMS
    assert sum(count for count, _ in made) < 2.5 * MAX_PROBLEMS
    assert sum(size for _, size in made[1:]) < SIZE, "what is nested is copied into no error"


@pytest.mark.parametrize("unit", ['{"a":{}}', '{"is_fraud":1}', '{"a":' + "[" * 90 + "]" * 90 + "}"])
def test_labels_are_refused_for_no_more_errors_either(made, unit):
    with pytest.raises(InvalidLabels) as refused:
        parse_labels(b'{"labels":' + filled(unit) + b"}", limit=100_000, latest=0)
    assert len(refused.value.problems) <= MAX_PROBLEMS
    assert 0 < sum(count for count, _ in made) < 2.5 * MAX_PROBLEMS


def test_errors_in_all_parts_of_a_body_are_told_with_their_place():
    bad = [0, ITEMS_A_PART - 1, ITEMS_A_PART, 3 * ITEMS_A_PART + 7]
    records = [OVERDRAWN] * (4 * ITEMS_A_PART)
    for index in bad:
        records[index] = record(total_balance="1")
    records[5] = record(number_of_open_accounts=1)
    body = json.dumps({"records": records, "explain": 1, "surplus": 2}).encode()
    with pytest.raises(InvalidRecords) as refused:
        RecordParser(load_contract("credit")).parse_decisions(body, limit=10_000)
    pointers = [problem.pointer for problem in refused.value.problems]
    assert pointers == [
        *(f"/records/{index}/total_balance" for index in bad),
        *("/explain", "/surplus", "/records/5/number_of_accounts_in_arrears"),
    ]
