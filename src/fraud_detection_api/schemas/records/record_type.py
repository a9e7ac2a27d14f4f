"""A contract as pydantic types: of one record, and of the request bodies that hold records."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    TypeAdapter,
    with_config,
)
from pydantic.config import ExtraValues, JsonDict
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from fraud_detection_api.contract.declaration import Contract, Feature
from fraud_detection_api.contract.windows import Key
from fraud_detection_api.contract.written import Written
from fraud_detection_api.field_texts import one_of
from fraud_detection_api.schemas.request import NOT_BLANK, STRIPPED, IntegerId, Moment, StoredId, whole_number

RECORDS, EXPLAIN, DRY_RUN = "records", "explain", "dry_run"
DECISION_REQUEST_FIELDS = (RECORDS, EXPLAIN, DRY_RUN)

_FALSE: JsonDict = {"default": False}
_WHOLE = BeforeValidator(whole_number)


class BodyType(NamedTuple):
    """The adapters that read one kind of request body, whose records are the array at `path`.

    `exact` refuses unknown keys and reports every problem. `quick` leaves unknown keys out, because pydantic would make an
    error of each, and half a million of them in one body would hold up all requests for seconds. It stops at the first bad
    record, for the same reason. `lazy` leaves unknown keys out too, and validates each record when it is read, and nothing
    beside the records: its request must not fail once it holds them, or pydantic would leave a cycle with the whole body.
    """

    path: tuple[str, ...]
    exact: TypeAdapter[Any]
    quick: TypeAdapter[Any]
    lazy: TypeAdapter[Any]


def array_type(contract: Contract) -> BodyType:
    """A body that is an array of records."""
    exact, known = record_type(contract), record_type(contract, extra="ignore")
    first_bad = Annotated[list[known], FailFast()]  # type: ignore[valid-type]
    return BodyType((), *map(TypeAdapter, (list[exact], first_bad, Iterable[known])))  # type: ignore[valid-type]


def decision_request_type(contract: Contract) -> BodyType:
    """A body that asks for decisions."""
    exact, known = record_type(contract), record_type(contract, extra="ignore")
    return BodyType(
        (RECORDS,),
        TypeAdapter(_decision_request(list[exact])),  # type: ignore[valid-type]
        TypeAdapter(_decision_request(Annotated[list[known], FailFast()], extra="ignore")),  # type: ignore[valid-type]
        TypeAdapter(_decision_request(Iterable[known], Any, extra="ignore")),  # type: ignore[valid-type]
    )


def _decision_request(records: Any, flag: Any = bool, extra: ExtraValues = "forbid") -> Any:
    explain = Annotated[flag, Field(description="Give the reasons for each outcome.", json_schema_extra=_FALSE)]
    dry_run = Annotated[flag, Field(description="Decide without storing anything.", json_schema_extra=_FALSE)]
    fields = {RECORDS: records, EXPLAIN: NotRequired[explain], DRY_RUN: NotRequired[dry_run]}
    request = TypedDict("DecisionRequest", fields)  # type: ignore[misc]
    return with_config(ConfigDict(extra=extra, strict=True))(request)


def record_type(contract: Contract, extra: ExtraValues = "forbid") -> Any:
    """One record, with strict types and declared ranges but no constraints; `extra` says what becomes of unknown keys."""
    fields: dict[str, Any] = {}
    if (identifier := contract.identifier) is not None:
        kind, example = _IDS[identifier.dtype]
        fields[identifier.name] = _documented(kind, identifier.description, example)
    if contract.time is not None:
        time = _documented(Moment if contract.history else Moment | None, contract.time.description)
        fields[contract.time.name] = time if contract.history else NotRequired[time]
    for name, key in contract.keys.items():
        annotation = _documented(_key_type(key, contract.written(name)), key.description, key.example)
        fields[name] = NotRequired[annotation] if key.nullable else annotation
    for name, feature in contract.features.items():
        kind = _feature_type(feature, contract.written(name).missing_levels)
        annotation = _documented(kind, _description(feature), feature.example)
        fields[name] = NotRequired[annotation] if feature.nullable else annotation
    config = ConfigDict(extra=extra, strict=True, title=f"{contract.name} record")
    record: Any = with_config(config)(TypedDict("Record", fields))  # type: ignore[operator]
    record.__doc__ = contract.description or None
    return record


_IDS: Mapping[str, tuple[Any, int | str]] = {"int": (IntegerId, 345435), "str": (StoredId, "C-345435")}
"""The type of an id or a key of each dtype, and an example of an id."""


def _key_type(key: Key, written: Written) -> Any:
    annotation, _ = _IDS[key.dtype]
    if markers := missing_keys(key, written):
        annotation = Annotated[annotation, AfterValidator(partial(_no_marker, markers))]
    return annotation | None if key.nullable else annotation


def missing_keys(key: Key, written: Written) -> frozenset[int | str]:
    """The values that files write for a missing key, in the key's dtype."""
    if key.dtype == "str":
        return frozenset(written.missing)
    return frozenset(int(number) for number in written.missing_numbers if number.is_integer())


def _feature_type(feature: Feature, markers: frozenset[str]) -> Any:
    annotation: Any
    match feature.dtype:
        case "int":
            annotation = Annotated[int, Field(ge=int(feature.lower), le=int(feature.upper)), _WHOLE]
        case "float":
            annotation = Annotated[float, Field(ge=feature.lower, le=feature.upper, allow_inf_nan=False)]
        case "bool":
            annotation = bool
        case "category":
            annotation = _category_type(feature, markers)
        case "datetime":
            annotation = Moment
    return annotation | None if feature.nullable else annotation


def _category_type(feature: Feature, markers: frozenset[str]) -> Any:
    allowed, level_of = feature.refused_outside, feature.level_of
    as_level = BeforeValidator(lambda sent: level_of(sent) if isinstance(sent, str) else sent)
    # where case is folded, callers may write levels in ways that no list can name
    names: JsonDict = {"enum": list(feature.levels)} if allowed and not feature.fold_case else {}
    documented = Field(json_schema_extra={**NOT_BLANK, **names})
    annotation: Any = Annotated[str, StringConstraints(**STRIPPED), documented, as_level]
    if markers:
        annotation = Annotated[annotation, AfterValidator(partial(_no_marker, markers))]
    return Annotated[annotation, AfterValidator(partial(_listed, allowed, one_of(allowed)))] if allowed else annotation


def _listed(allowed: frozenset[str], expected: str, level: str) -> str:
    if level not in allowed:
        raise PydanticCustomError("literal_error", "a level that is refused", {"expected": expected})
    return level


def _no_marker(markers: frozenset[Any], sent: Any) -> Any:
    if sent in markers:
        raise PydanticCustomError("missing_marker", "a marker of a missing value")
    return sent


def _documented(annotation: Any, description: str, example: object = None) -> Any:
    examples = None if example is None else [example]
    return Annotated[annotation, Field(description=description or None, examples=examples)]


def _description(feature: Feature) -> str:
    return f"{feature.description} ({feature.unit})".strip() if feature.unit else feature.description
