"""What callers read about a bad field. Other tests assert codes and pointers; the prose is here."""

import json

import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import InvalidLabels, InvalidRecords, MalformedBody
from fraud_detection_api.schemas.labels import parse_labels
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import OVERDRAWN
from support.parsing import CREDIT, LOAN, LOANS, body, loan, raw, refused

INTEGER, NUMBER, TEXT = "must be an integer", "must be a number", "must be a string"
EMPTY = "must not be empty; send null if the value is missing"
TIME = "must be an ISO 8601 time, such as 2026-11-22T10:00:00Z"
VALUES = [
    ("instalments", '"12"', INTEGER),
    ("instalments", "12.5", INTEGER),
    ("instalments", "NaN", INTEGER),
    ("instalments", "0", "must be at least 1"),
    ("instalments", "601", "must be at most 600"),
    ("instalments", "1" + "0" * 400, "must be at most 600"),
    ("amount_eur", '"1"', NUMBER),
    ("amount_eur", "-0.5", "must be at least 0"),
    ("amount_eur", "1e39", "must be at most 3.4028234663852886e+38"),
    ("amount_eur", "NaN", "must be a finite number"),
    ("amount_eur", "1" + "0" * 400, "must be a finite number"),
    ("is_employed", "1", "must be true or false"),
    ("channel", "1", TEXT),
    ("channel", '""', EMPTY),
    ("channel", '"  "', EMPTY),
    ("channel", '"' + "x" * 257 + '"', "must be at most 256 characters"),
    ("application", "1", TEXT),
    ("application", '""', "must not be empty"),
    ("opened_at", "0", TIME),
    ("opened_at", '"yesterday"', TIME),
    ("applied_at", "1", TIME),
    (
        "surplus",
        "1",
        f"is not a field of a record; the fields are {', '.join(LOAN)}",
    ),
]


@pytest.mark.parametrize(("field", "text", "detail"), VALUES)
def test_the_detail_of_a_bad_field_reads(field, text, detail):
    (problem,) = refused(LOANS, raw(field, text, of=LOAN))
    assert problem.detail == detail


@pytest.mark.parametrize(
    ("column", "value", "detail"),
    [
        ('dtype = "float"\nformat = "currency"', '"$1"', NUMBER),
        ('dtype = "int"\nformat = "thousands"', '"1,000"', INTEGER),
        ('dtype = "datetime"\nparts = ["hour"]\nformat = "%d/%m/%Y"', '"31/12/2025"', TIME),
    ],
)
def test_a_format_of_files_in_a_request_is_named(column, value, detail):
    toml = f'name = "a"\n[target]\nname = "y"\n[features.x]\n{column}\n'
    (problem,) = refused(RecordParser(contract_from_toml(toml, source="a")), f'[{{"x": {value}}}]'.encode())
    assert problem.detail == f"{detail}; the contract's format is for files alone"


def test_null_is_not_proposed_where_it_would_be_refused():
    toml = 'name = "a"\n[target]\nname = "y"\n[features.x]\ndtype = "category"\n'
    (problem,) = refused(RecordParser(contract_from_toml(toml, source="a")), b'[{"x": ""}]')
    assert problem.detail == "must not be empty"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"{}", "must be an array of records"),
        (b"[1]", "must be an object"),
        (body({name: value for name, value in LOAN.items() if name != "instalments"}), "is required"),
        (body(loan(amount_eur=5)), "must be at most amount_eur"),
        (body(LOAN)[:-2] + b', "channel": "web"}]', "occurs more than once in the record"),
    ],
)
def test_the_detail_of_bad_records_reads(content, detail):
    (problem,) = refused(LOANS, content)
    assert problem.detail == detail


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        ([], 'must be an object: {"records": [...]}'),
        ({}, "is required"),
        ({"records": [], "explian": True}, "is not a field of a request; the fields are records, explain, dry_run"),
        ({"records": [], "explain": 1}, "must be true or false"),
    ],
)
def test_the_detail_of_a_bad_request_for_decisions_reads(content, detail):
    with pytest.raises(InvalidRecords) as caught:
        CREDIT.parse_decisions(json.dumps(content).encode(), limit=1)
    assert [problem.detail for problem in caught.value.problems] == [detail]


def test_what_is_wrong_with_json_reads():
    with pytest.raises(MalformedBody) as caught:
        CREDIT.parse(json.dumps([OVERDRAWN]).encode()[:-1], limit=1)
    assert str(caught.value) == "the body is not JSON: EOF while parsing a list at line 1 column 145"


LABEL = {"decision_id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "is_fraud": True, "source": "analyst"}
BY_ENTITY = {"entity_id": 7, "decided_at": "2026-11-22", "is_fraud": True, "source": "analyst"}
OF_LABELS = [
    ([], 'must be an object: {"labels": [...]}'),
    ({}, "is required"),
    ({"labels": {}}, "must be an array of labels"),
    ({"labels": [1]}, "must be an object"),
    ({"labels": [], "x": 1}, "is not a field of a request"),
    ({"labels": [{**LABEL, "decision_id": "abc"}]}, "must be a decision's id, as it was answered"),
    ({"labels": [{**LABEL, "is_fraud": "yes"}]}, "must be true or false"),
    (
        {"labels": [{**LABEL, "source": "police"}]},
        "must be one of chargeback, analyst, customer, investigation, rule, other",
    ),
    ({"labels": [{**LABEL, "effective_at": 1}]}, TIME),
    ({"labels": [{**LABEL, "effective_at": "9000-01-01"}]}, "must not be in the future"),
    ({"labels": [{**LABEL, "note": "x" * 1001}]}, "must be at most 1000 characters"),
    (
        {"labels": [{**LABEL, "amount": 1}]},
        (
            "is not a field of this kind of label; "
            "name its decision by decision_id, or by entity_id and decided_at, or its event by event_id"
        ),
    ),
    ({"labels": [{"is_fraud": True, "source": "analyst"}]}, "is required, or event_id, or entity_id and decided_at"),
    (
        {"labels": [{**BY_ENTITY, "entity_id": True}]},
        "must be a whole number, or text of 1 to 256 characters without U+0000",
    ),
]


@pytest.mark.parametrize(("content", "detail"), OF_LABELS)
def test_the_detail_of_a_bad_label_reads(content, detail):
    with pytest.raises(InvalidLabels) as caught:
        parse_labels(json.dumps(content).encode(), limit=9, latest=2 * 10**12)
    assert {problem.detail for problem in caught.value.problems} == {detail}
