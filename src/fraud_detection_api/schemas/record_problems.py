"""What is wrong with records, in words: each problem's pointer into the request, and what the field must be."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import MAX_TEXT, Constraint, Contract, plain_number
from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.schemas.problem import json_pointer
from fraud_detection_api.schemas.record_type import DECISION_REQUEST_FIELDS, RECORDS

_TEXTS = {
    "missing": "is required",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer, without a fraction",
    "int_parsing_size": "has too many digits",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": f"must be at most {MAX_TEXT} characters",
    "string_unicode": "must be valid Unicode",
    "dict_type": "must be an object",
    "list_type": "must be an array of records",
}


def field_problem(detail: ErrorDetails, contract: Contract, path: tuple[str, ...]) -> FieldProblem:
    """The problem behind a detail of pydantic's, in a request whose records are the array at `path`."""
    kind, location = detail["type"], list(detail["loc"])
    text = _text(kind, detail.get("ctx", {}))
    if kind == "extra_forbidden" and len(location) == 1:
        text = f"is not a field of a request; the fields are {', '.join(DECISION_REQUEST_FIELDS)}"
    elif kind == "extra_forbidden":
        text = f"is not a field of a record; the fields are {', '.join(contract.record_columns)}"
    elif kind == "dict_type" and path and not location:
        text = f'must be an object: {{"{RECORDS}": [...]}}'
    elif kind == "string_too_short" and (feature := contract.features.get(str(location[-1]))) and feature.nullable:
        text += "; send null if the value is missing"
    return FieldProblem(json_pointer(location), text)


def _text(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "greater_than_equal":
        return f"must be at least {plain_number(context['ge'])}"
    if kind == "less_than_equal":
        return f"must be at most {plain_number(context['le'])}"
    if kind.startswith("datetime"):
        return "must be an ISO 8601 time, such as 2026-11-22T10:00:00Z"
    return _TEXTS.get(kind, "is not valid")


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
