"""What is wrong with records, in words: each problem's pointer into the request, and what the field must be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Constraint, Contract
from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.field_texts import field_text
from fraud_detection_api.schemas.problem import json_pointer
from fraud_detection_api.schemas.records.record_type import DECISION_REQUEST_FIELDS, RECORDS

_OF_ANOTHER_TYPE = ("int_type", "float_type", "datetime")


def field_problem(detail: ErrorDetails, contract: Contract, path: tuple[str, ...]) -> FieldProblem:
    """The problem behind a detail of pydantic's, in a request whose records are the array at `path`."""
    kind, location = detail["type"], list(detail["loc"])
    text = "must be an array of records" if kind == "list_type" else field_text(detail, otherwise="is not valid")
    if kind == "extra_forbidden" and len(location) == 1:
        text = f"is not a field of a request; the fields are {', '.join(DECISION_REQUEST_FIELDS)}"
    elif kind == "extra_forbidden":
        text = f"is not a field of a record; the fields are {', '.join(contract.record_columns)}"
    elif kind == "dict_type" and path and not location:
        text = f'must be an object: {{"{RECORDS}": [...]}}'
    elif kind == "string_too_short" and _may_be_missing(contract, str(location[-1])):
        text += "; send null if the value is missing"
    elif kind.startswith(_OF_ANOTHER_TYPE) and contract.written(str(location[-1])).format is not None:
        text += "; the contract's format is for files alone"
    return FieldProblem(json_pointer(location), text)


def _may_be_missing(contract: Contract, name: str) -> bool:
    declared = contract.features.get(name) or contract.keys.get(name)
    return declared is not None and declared.nullable


def constraint_problems(
    records: Sequence[Any],
    details: Iterable[ErrorDetails],
    *,
    path: tuple[str, ...],
    broken: Callable[[Record], Iterable[Constraint]],
) -> Iterator[FieldProblem]:
    """The constraints that parsed records break, without those on fields that a detail names."""
    bad_fields: dict[int, set[str]] = {}
    for detail in details:
        match detail["loc"][len(path) :]:
            case (int(index), str(name), *_):
                bad_fields.setdefault(index, set()).add(name)
    for index, record in enumerate(records):
        if isinstance(record, dict):
            bad = bad_fields.get(index, ())
            for constraint in broken({name: content for name, content in record.items() if name not in bad}):
                yield FieldProblem(json_pointer([*path, index, constraint.field]), constraint.message)


def json_problem(detail: ErrorDetails) -> str:
    """Why a body is not JSON. Pydantic's text gives kind, line and column, and quotes nothing of the body."""
    return f"the body is not JSON: {detail.get('ctx', {}).get('error', 'it cannot be read')}"
