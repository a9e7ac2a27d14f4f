"""The request: a JSON array of records, validated by a pydantic model that is built from the contract."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NotRequired

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from fraud_detection_api.contract.declaration import MAX_TEXT, Contract, Feature, Rule, plain_number
from fraud_detection_api.errors import FieldProblem, InvalidRecords, MalformedBody, TooManyRecords
from fraud_detection_api.schemas.problem import json_pointer

INT64 = 2**63
MAX_PROBLEMS = 1000

Record = Mapping[str, Any]

_CALENDAR_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
# stripped as a file's texts are: a level must not be another one in serving than in training
_LEVEL: dict[str, Any] = {"strip_whitespace": True, "min_length": 1, "max_length": MAX_TEXT, "pattern": r"\S"}


class RecordParser:
    """Bytes of a request body to validated records of one contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.record: TypeAdapter[dict[str, Any]] = TypeAdapter(record_type(contract))
        # the record's type is made at run time, which a type checker cannot follow
        self._records: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[record_type(contract)])  # type: ignore[arg-type,misc]

    def parse(self, body: bytes, *, limit: int) -> list[dict[str, Any]]:
        """Records in the body's order.

        Raises MalformedBody where the body is no JSON, TooManyRecords above `limit`, InvalidRecords with every bad
        field (up to MAX_PROBLEMS) otherwise.
        """
        try:
            records = self._records.validate_json(body)
        except ValidationError as error:
            raise self._refusal(body, error, limit) from None
        if len(records) > limit:
            raise TooManyRecords(limit)
        if body.count(b":") != sum(map(len, records)) and (duplicates := list(_duplicate_keys(body))):
            raise InvalidRecords(duplicates)
        return records

    def _refusal(self, body: bytes, error: ValidationError, limit: int) -> Exception:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            return MalformedBody(_json_fault(details[0]))
        if _array_length(body) > limit:
            return TooManyRecords(limit)
        known = self.contract.record_columns
        problems = [_problem(detail, known) for detail in details[:MAX_PROBLEMS]]
        return InvalidRecords([*problems, *_duplicate_keys(body)][:MAX_PROBLEMS])


_PARSERS: dict[str, RecordParser] = {}


def record_parser(contract: Contract) -> RecordParser:
    """The parser of that contract, built once a process."""
    if contract.fingerprint not in _PARSERS:
        _PARSERS[contract.fingerprint] = RecordParser(contract)
    return _PARSERS[contract.fingerprint]


def record_type(contract: Contract) -> Any:
    """The pydantic-ready TypedDict of one record: strict types, declared ranges, no unknown keys, the contract's rules."""
    fields: dict[str, Any] = {}
    if contract.identifier is not None:
        fields[contract.identifier.name] = _identifier_type(contract)
    if contract.time is not None:
        moment = _feature_type(Feature(dtype="datetime"))
        fields[contract.time.name] = NotRequired[_documented(moment | None, contract.time.description)]
    for name, feature in contract.features.items():
        annotation = _documented(_feature_type(feature), _description(feature), feature.example)
        fields[name] = NotRequired[annotation] if feature.nullable else annotation
    config = ConfigDict(extra="forbid", strict=True, title=f"{contract.name} record")
    record: Any = with_config(config)(TypedDict("Record", fields))  # type: ignore[operator]
    record.__doc__ = contract.description or None
    checks = [AfterValidator(_rule_check(rule)) for rule in contract.rules.values()]
    return Annotated[record, *checks] if checks else record


def _identifier_type(contract: Contract) -> Any:
    identifier = contract.identifier
    assert identifier is not None
    if identifier.dtype == "int":
        annotation: Any = Annotated[int, Field(ge=-INT64, le=INT64 - 1)]
        return _documented(annotation, identifier.description, 345435)
    return _documented(Annotated[str, Field(min_length=1, max_length=MAX_TEXT)], identifier.description, "C-345435")


def _feature_type(feature: Feature) -> Any:
    annotation: Any
    match feature.dtype:
        case "int":
            annotation = Annotated[int, Field(ge=int(feature.lower), le=int(feature.upper))]
        case "float":
            annotation = Annotated[float, Field(ge=feature.lower, le=feature.upper, allow_inf_nan=False)]
        case "bool":
            annotation = bool
        case "category":
            annotation = Annotated[str, StringConstraints(**_LEVEL)]
        case "datetime":
            annotation = Annotated[datetime, Field(strict=False), BeforeValidator(_calendar_text)]
    return annotation | None if feature.nullable else annotation


def _calendar_text(moment: Any) -> str:
    """Pydantic alone would read a text of digits as seconds since 1970."""
    if isinstance(moment, str) and _CALENDAR_TEXT.match(moment):
        return moment
    raise PydanticCustomError("datetime_type", "not a calendar time")


def _documented(annotation: Any, description: str, example: object = None) -> Any:
    examples = None if example is None else [example]
    return Annotated[annotation, Field(description=description or None, examples=examples)]


def _description(feature: Feature) -> str:
    return f"{feature.description} ({feature.unit})".strip() if feature.unit else feature.description


def _rule_check(rule: Rule) -> Any:
    names, formula = rule.parsed.names, rule.parsed

    def check(record: dict[str, Any]) -> dict[str, Any]:
        if any(record.get(name) is None for name in names):
            return record
        # float64 as in a file's columns: NumPy's integers would overflow, and its booleans know no subtraction
        if formula.evaluate({name: float(record[name]) for name in names}):
            return record
        raise PydanticCustomError(
            "contract_rule", "{rule_message}", {"field": rule.field, "rule_message": rule.message}
        )

    return check


_DETAILS = {
    "missing": "is required",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer, without a fraction",
    "int_parsing_size": "has too many digits",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be a string",
    "string_too_short": "must not be empty; send null where it is missing",
    "string_too_long": f"must be at most {MAX_TEXT} characters",
    "string_unicode": "must be valid Unicode",
    "dict_type": "must be an object",
    "list_type": "must be an array of records",
}


def _problem(detail: ErrorDetails, known: Sequence[str]) -> FieldProblem:
    kind, context, location = detail["type"], detail.get("ctx", {}), list(detail["loc"])
    if kind == "contract_rule":
        return FieldProblem(json_pointer([*location, context["field"]]), context["rule_message"])
    if kind == "extra_forbidden":
        return FieldProblem(json_pointer(location), f"is not a field of a record; the fields are {', '.join(known)}")
    return FieldProblem(json_pointer(location), _detail_text(kind, context))


def _detail_text(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "greater_than_equal":
        return f"must be at least {plain_number(context['ge'])}"
    if kind == "less_than_equal":
        return f"must be at most {plain_number(context['le'])}"
    if kind.startswith("datetime"):
        return "must be an ISO 8601 time, such as 2026-11-22T10:00:00Z"
    return _DETAILS.get(kind, "is not valid")


def _json_fault(detail: ErrorDetails) -> str:
    # pydantic's text gives the kind of fault, line and column; it quotes nothing of the body.
    return f"the body is not JSON: {detail.get('ctx', {}).get('error', 'it cannot be read')}"


def _array_length(body: bytes) -> int:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    return len(parsed) if isinstance(parsed, list) else 0


def _duplicate_keys(body: bytes) -> Iterator[FieldProblem]:
    """Keys that occur twice in one record. JSON readers keep the last one silently; two callers could read two records."""
    try:
        parsed = json.loads(body, object_pairs_hook=lambda pairs: Counter(key for key, _ in pairs))
    except (ValueError, RecursionError):
        return
    for index, keys in enumerate(parsed if isinstance(parsed, list) else []):
        for key, count in keys.items() if isinstance(keys, Counter) else ():
            if count > 1:
                yield FieldProblem(json_pointer([index, key]), "occurs more than once in the record")
