"""The request: a JSON array of records, validated by a pydantic model that is built from the contract."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from typing import Annotated, Any, NamedTuple, NotRequired

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
from pydantic.config import ExtraValues, JsonDict
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from fraud_detection_api.contract.declaration import MAX_TEXT, Contract, Feature, Rule, plain_number
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.errors import FieldProblem, InvalidRecords, MalformedBody, TooManyRecords
from fraud_detection_api.schemas.json_keys import (
    array_in,
    array_length,
    dropped_needless_keys,
    duplicate_keys,
    empty_fields,
    parsed_json,
)
from fraud_detection_api.schemas.problem import json_pointer

INT64 = 2**63
MAX_PROBLEMS = 1000

LARGE_BODY_BYTES = 64 * 1024
"""From here on, parsing and scoring take milliseconds. Records are then validated one by one, as they are asked for, because
validating them all is one step in which no other request's turn comes."""

Record = Mapping[str, Any]

# stripped as a file's texts are: a level must not be another one in serving than in training
_LEVEL: dict[str, Any] = {"strip_whitespace": True, "min_length": 1, "max_length": MAX_TEXT, "pattern": r"\S"}


class RecordParser:
    """Bytes of request bodies to validated records of one contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        # the record's type is made at run time, which a type checker cannot follow
        record, known = record_type(contract), record_type(contract, extra="ignore")
        self.record: TypeAdapter[dict[str, Any]] = TypeAdapter(record)
        self.decision_request: TypeAdapter[Any] = TypeAdapter(_decision_request(list[record]))  # type: ignore[valid-type]
        self._whole_records: TypeAdapter[Any] = TypeAdapter(list[record])  # type: ignore[valid-type]
        # What is read first leaves unknown keys out, and whether there are any is told by how many keys were read: pydantic
        # makes an error of each, and half a million of them, in one body, would hold up everybody for seconds.
        self._records: TypeAdapter[Any] = TypeAdapter(list[known])  # type: ignore[valid-type]
        self._lazy_records: TypeAdapter[Any] = TypeAdapter(Iterable[known])  # type: ignore[valid-type]
        self._request: TypeAdapter[Any] = TypeAdapter(_decision_request(list[known], extra="ignore"))  # type: ignore[valid-type]
        lazy = _decision_request(Iterable[known], extra="ignore")  # type: ignore[valid-type]
        self._lazy_request: TypeAdapter[Any] = TypeAdapter(lazy)

    def parse(self, body: bytes, *, limit: int) -> list[dict[str, Any]]:
        """Records of a JSON array, in its order.

        Raises MalformedBody where the body is no JSON, TooManyRecords above `limit`, InvalidRecords with every bad
        field (up to MAX_PROBLEMS) otherwise.
        """
        self._refuse_stuffed(self._whole_records, body, limit, at=())
        try:
            if len(body) < LARGE_BODY_BYTES:
                records: list[dict[str, Any]] = self._records.validate_json(body)
            else:
                records = _each(self._lazy_records.validate_json(body))
        except ValidationError:
            raise self._refusal(self._whole_records, body, limit, at=()) from None
        _require_allowed(records, limit)
        if not _has_all_keys(body, sum(map(len, records))) and self._has_other_keys(parsed := parsed_json(body), at=()):
            raise self._faults_of(self._whole_records, body, parsed, at=())
        return records

    def parse_decisions(self, body: bytes, *, limit: int) -> "ParsedRequest":
        """What a request for decisions asks for. Raises as `parse`."""
        self._refuse_stuffed(self.decision_request, body, limit, at=(RECORDS,))
        try:
            if len(body) < LARGE_BODY_BYTES:
                asked = self._request.validate_json(body)
                records = asked[RECORDS]
            else:
                asked = self._lazy_request.validate_json(body)
                records = _each(asked[RECORDS])
        except ValidationError:
            raise self._refusal(self.decision_request, body, limit, at=(RECORDS,)) from None
        _require_allowed(records, limit)
        if not _has_all_keys(body, len(asked) + sum(map(len, records))):
            parsed = parsed_json(body)
            if self._has_other_keys(parsed, at=(RECORDS,)):
                raise self._faults_of(self.decision_request, body, parsed, at=(RECORDS,))
        return ParsedRequest(records, explain=asked.get(EXPLAIN, False), dry_run=asked.get(DRY_RUN, False))

    def _refuse_stuffed(self, adapter: TypeAdapter[Any], body: bytes, limit: int, *, at: tuple[str, ...]) -> None:
        """Refuse a bad body that holds more than `limit` records do, before pydantic reads it.

        Pydantic copies a record, with all that is in it, for each field that is missing. Texts may be full of colons and
        commas, so a body that has too many is not refused for them: it is only looked through for faults with more care.
        """
        most = limit * len(self._columns) + len(REQUEST_KEYS)
        if len(body) >= LARGE_BODY_BYTES and max(body.count(b":"), body.count(b",")) > most:
            refusal = self._refusal(adapter, body, limit, at=at)
            if not isinstance(refusal, InvalidRecords) or refusal.problems:
                raise refusal

    def _refusal(self, adapter: TypeAdapter[Any], body: bytes, limit: int, *, at: tuple[str, ...]) -> Exception:
        """What to raise of a body that does not pass, with all that is wrong with it."""
        if body.count(b"{") > limit and array_length(body, at) > limit:
            return TooManyRecords(limit)
        parsed = parsed_json(body)
        if len(array_in(parsed, at)) > limit:
            return TooManyRecords(limit)
        return self._faults_of(adapter, body, parsed, at=at)

    def _faults_of(self, adapter: TypeAdapter[Any], body: bytes, parsed: Any, *, at: tuple[str, ...]) -> Exception:
        """What to raise of a body that has a fault; `parsed` is the body as `parsed_json` reads it, and is changed."""
        records = array_in(parsed, at)
        objects = [*([(parsed, REQUEST_KEYS)] if at else []), *((record, self._columns) for record in records)]
        dropped = dropped_needless_keys(objects, most=MAX_PROBLEMS + 1)
        if dropped or len(body) >= LARGE_BODY_BYTES:
            empty_fields(records, self._columns)
            body = body if parsed is None else json.dumps(parsed).encode()
        details = _faults(adapter, body)
        if details and details[0]["type"] == "json_invalid":
            return MalformedBody(_json_fault(details[0]))
        of_fields = chain.from_iterable(_problems(detail, self.contract, at) for detail in details)
        of_rules = _rules_beside_bad_fields(self.contract.rules.values(), details, records, at)
        return _invalid(chain(of_fields, of_rules, duplicate_keys(parsed, RECORDS)))

    def _has_other_keys(self, parsed: Any, at: tuple[str, ...]) -> bool:
        """Whether a body that passed has a key that is unknown, or that occurs twice in an object."""
        objects = [*([(parsed, REQUEST_KEYS)] if at else []), *((each, self._columns) for each in array_in(parsed, at))]
        return any(each.repeated or not each.keys() <= set(known) for each, known in objects)

    @cached_property
    def _columns(self) -> frozenset[str]:
        return frozenset(self.contract.record_columns)


_FALSE: JsonDict = {"default": False}
REQUEST_KEYS = RECORDS, EXPLAIN, DRY_RUN = "records", "explain", "dry_run"


class ParsedRequest(NamedTuple):
    """A request for decisions on records, in order: with reasons or not, and whether they are to be kept."""

    records: list[dict[str, Any]]
    explain: bool
    dry_run: bool


def _each(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in records]  # noqa: C416 in a loop of Python's, other threads' turn comes; in list(), it does not


def _faults(adapter: TypeAdapter[Any], body: bytes) -> list[ErrorDetails]:
    try:
        adapter.validate_json(body)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def _decision_request(records: Any, extra: ExtraValues = "forbid") -> Any:
    explain = Annotated[bool, Field(description="Give the reasons for each outcome.", json_schema_extra=_FALSE)]
    dry_run = Annotated[bool, Field(description="Decide, but keep nothing of it.", json_schema_extra=_FALSE)]
    config = ConfigDict(extra=extra, strict=True)
    fields = {RECORDS: records, EXPLAIN: NotRequired[explain], DRY_RUN: NotRequired[dry_run]}
    request = TypedDict("DecisionRequest", fields)  # type: ignore[misc]
    return with_config(config)(request)


def _require_allowed(records: Sequence[Any], limit: int) -> None:
    if len(records) > limit:
        raise TooManyRecords(limit)


def _has_all_keys(body: bytes, keys: int) -> bool:
    """Whether so many keys are all that a body has: it has a colon for each, and those that texts hold besides.

    Where it has more colons, a key may be unknown or occur twice: that none is, is the rule, and cheap to see.
    """
    return body.count(b":") == keys


def _invalid(problems: Iterable[FieldProblem]) -> InvalidRecords:
    found = list(islice(problems, MAX_PROBLEMS + 1))
    return InvalidRecords(found[:MAX_PROBLEMS], more=len(found) > MAX_PROBLEMS)


_PARSERS: dict[str, RecordParser] = {}


def record_parser(contract: Contract) -> RecordParser:
    """The parser of that contract, built once a process."""
    if contract.fingerprint not in _PARSERS:
        _PARSERS[contract.fingerprint] = RecordParser(contract)
    return _PARSERS[contract.fingerprint]


def record_type(contract: Contract, extra: ExtraValues = "forbid") -> Any:
    """The pydantic-ready TypedDict of one record: strict types, declared ranges, the contract's rules.

    Unknown keys are refused, or left out where `extra` is "ignore".
    """
    fields: dict[str, Any] = {}
    if contract.identifier is not None:
        fields[contract.identifier.name] = _identifier_type(contract)
    if contract.time is not None:
        moment = _feature_type(Feature(dtype="datetime"))
        fields[contract.time.name] = NotRequired[_documented(moment | None, contract.time.description)]
    for name, feature in contract.features.items():
        annotation = _documented(_feature_type(feature), _description(feature), feature.example)
        fields[name] = NotRequired[annotation] if feature.nullable else annotation
    config = ConfigDict(extra=extra, strict=True, title=f"{contract.name} record")
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
    checks = [(rule.parsed.names, rule.parsed.for_one_record(), (rule.field, rule.message)) for rule in rules]

    def broken_rules(record: Record) -> list[tuple[str, str]]:
        broken = []
        for names, satisfied, blame in checks:
            try:
                # float64 as in a file's columns
                operands = {name: float(record[name]) for name in names}
            except (KeyError, TypeError):  # left out, or None
                continue
            if not satisfied(operands):
                broken.append(blame)
        return broken

    return broken_rules


def _rules_beside_bad_fields(
    rules: Iterable[Rule], details: Sequence[ErrorDetails], records: Sequence[Any], at: tuple[str, ...]
) -> Iterator[FieldProblem]:
    """Broken rules of records that have a bad field: pydantic checks a record's rules only once all its fields pass."""
    bad_fields: dict[int, set[str]] = {}
    for detail in details:
        match detail["loc"][len(at) :]:
            case (int(index), str(name), *_):
                bad_fields.setdefault(index, set()).add(name)
    broken_rules = _rules_reader(rules)
    for index, record in enumerate(records):
        if index in bad_fields:
            sound = {name: content for name, content in record.items() if name not in bad_fields[index]}
            for field, message in broken_rules(sound):
                yield FieldProblem(json_pointer([*at, index, field]), message)


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


def _problems(detail: ErrorDetails, contract: Contract, at: tuple[str, ...]) -> Iterator[FieldProblem]:
    kind, context, location = detail["type"], detail.get("ctx", {}), list(detail["loc"])
    if kind == "contract_rules":
        for field, message in context["broken"]:
            yield FieldProblem(json_pointer([*location, field]), message)
        return
    text = _detail_text(kind, context)
    if kind == "extra_forbidden" and len(location) == 1:
        text = f"is not a field of a request; the fields are {', '.join(REQUEST_KEYS)}"
    elif kind == "extra_forbidden":
        text = f"is not a field of a record; the fields are {', '.join(contract.record_columns)}"
    elif kind == "dict_type" and at and not location:
        text = f'must be an object: {{"{RECORDS}": [...]}}'
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
