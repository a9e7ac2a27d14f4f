"""The request: a JSON array of records, validated by a pydantic model that is built from the contract."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
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
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.errors import FieldProblem, InvalidRecords, MalformedBody, TooManyRecords
from fraud_detection_api.schemas.problem import json_pointer

INT64 = 2**63
MAX_PROBLEMS = 1000

Record = Mapping[str, Any]

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
            raise _invalid(duplicates)
        return records

    def _refusal(self, body: bytes, error: ValidationError, limit: int) -> Exception:
        details = error.errors(include_url=False, include_input=False)
        if details[0]["type"] == "json_invalid":
            return MalformedBody(_json_fault(details[0]))
        records = _array(body)
        if len(records) > limit:
            return TooManyRecords(limit)
        rules = self.contract.rules.values()
        of_fields = chain.from_iterable(_problems(detail, self.contract) for detail in details)
        return _invalid(chain(of_fields, _rules_beside_bad_fields(rules, details, records), _duplicate_keys(body)))


def _invalid(problems: Iterable[FieldProblem]) -> InvalidRecords:
    found = list(islice(problems, MAX_PROBLEMS + 1))
    return InvalidRecords(found[:MAX_PROBLEMS], more=len(found) > MAX_PROBLEMS)


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
    rules = contract.rules.values()
    return Annotated[record, AfterValidator(_rules_check(rules))] if rules else record


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
            annotation = Annotated[datetime, BeforeValidator(_moment)]
    return annotation | None if feature.nullable else annotation


def _moment(text: Any) -> datetime:
    """Pydantic alone reads other texts than a file's, and one of digits as seconds since 1970."""
    moment = parse_time(text) if isinstance(text, str) else None
    if moment is None:
        raise PydanticCustomError("datetime_type", "not a calendar time")
    return moment


def _documented(annotation: Any, description: str, example: object = None) -> Any:
    examples = None if example is None else [example]
    return Annotated[annotation, Field(description=description or None, examples=examples)]


def _description(feature: Feature) -> str:
    return f"{feature.description} ({feature.unit})".strip() if feature.unit else feature.description


def _rules_check(rules: Iterable[Rule]) -> Any:
    broken_rules = _rules_reader(rules)

    def check(record: dict[str, Any]) -> dict[str, Any]:
        if broken := broken_rules(record):
            raise PydanticCustomError("contract_rules", "breaks rules", {"broken": broken})
        return record

    return check


def _rules_reader(rules: Iterable[Rule]) -> Callable[[Record], list[tuple[str, str]]]:
    """A function that gives field and message of each rule that a record breaks; a missing operand breaks none."""
    formulas = [(rule.parsed.names, rule.parsed.evaluate_one, (rule.field, rule.message)) for rule in rules]

    def broken_rules(record: Record) -> list[tuple[str, str]]:
        broken = []
        for names, evaluate, blame in formulas:
            try:
                # float64 as in a file's columns
                operands = {name: float(record[name]) for name in names}
            except (KeyError, TypeError):  # left out, or None
                continue
            if not evaluate(operands):
                broken.append(blame)
        return broken

    return broken_rules


def _rules_beside_bad_fields(
    rules: Iterable[Rule], details: Sequence[ErrorDetails], records: Sequence[Any]
) -> Iterator[FieldProblem]:
    """Broken rules of records that have a bad field: pydantic checks a record's rules only once all its fields pass."""
    bad_fields: dict[int, set[str]] = {}
    for detail in details:
        match detail["loc"]:
            case (int(index), str(name), *_):
                bad_fields.setdefault(index, set()).add(name)
    broken_rules = _rules_reader(rules)
    for index, record in enumerate(records):
        if index in bad_fields:
            sound = {name: content for name, content in record.items() if name not in bad_fields[index]}
            for field, message in broken_rules(sound):
                yield FieldProblem(json_pointer([index, field]), message)


_DETAILS = {
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


def _problems(detail: ErrorDetails, contract: Contract) -> Iterator[FieldProblem]:
    kind, context, location = detail["type"], detail.get("ctx", {}), list(detail["loc"])
    if kind == "contract_rules":
        for field, message in context["broken"]:
            yield FieldProblem(json_pointer([*location, field]), message)
        return
    text = _detail_text(kind, context)
    if kind == "extra_forbidden":
        text = f"is not a field of a record; the fields are {', '.join(contract.record_columns)}"
    elif kind == "string_too_short" and _nullable(contract, location[-1]):
        text += "; send null where it is missing"
    yield FieldProblem(json_pointer(location), text)


def _nullable(contract: Contract, name: str | int) -> bool:
    return name in contract.features and contract.features[str(name)].nullable


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


def _array(body: bytes) -> list[Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return parsed if isinstance(parsed, list) else []


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
