"""Requests to the parsers of three contracts, and their answers to bad ones."""

import json

import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import FieldProblem, InvalidRecords
from fraud_detection_api.schemas.records.parser import RecordParser
from support.builders import OVERDRAWN, every_dtype_contract
from support.payments import payments_contract

CREDIT = RecordParser(load_contract("credit"))
LOANS = RecordParser(every_dtype_contract())
LOAN = {
    "application": "A-1",
    "applied_at": "2026-01-01T00:00:00Z",
    "amount_eur": 1000.5,
    "instalments": 12,
    "is_employed": True,
    "channel": "web",
    "opened_at": "2020-02-29T10:00:00Z",
}
PAYMENTS = RecordParser(payments_contract())
PAYMENT = {
    "card": "C-1",
    "paid_at": "2026-01-01T00:00:00Z",
    "terminal": 17,
    "device": "D-1",
    "amount": 12.5,
    "instalments": 1,
    "is_night": False,
    "channel": "web",
    "opened_at": "2020-02-29T10:00:00Z",
}


def loan(**changes: object) -> dict[str, object]:
    return {**LOAN, **changes}


def body(*records: object) -> bytes:
    return json.dumps(records).encode()


def raw(field: str, text: str, *, of: dict[str, object] = OVERDRAWN) -> bytes:
    """A request of one record whose `field` is `text`, literally."""
    return json.dumps([{**of, field: "PLACEHOLDER"}]).replace('"PLACEHOLDER"', text).encode()


def refused(parser: RecordParser, content: bytes, *, limit: int = 100) -> tuple[FieldProblem, ...]:
    with pytest.raises(InvalidRecords) as caught:
        parser.parse(content, limit=limit)
    return caught.value.problems


def pointers_of(parser: RecordParser, content: bytes) -> list[str]:
    """The pointers of a refusal, each once, in order."""
    return list(dict.fromkeys(problem.pointer for problem in refused(parser, content)))
