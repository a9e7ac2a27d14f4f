"""Labels on the wire."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Discriminator,
    FailFast,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from fraud_detection_api.contract.declaration import MAX_TEXT
from fraud_detection_api.contract.times import epoch_milliseconds
from fraud_detection_api.decision.identifiers import as_answered
from fraud_detection_api.decision.label import LABEL_SOURCES, LONGEST_NOTE, Label, LabelSource, label_in_force
from fraud_detection_api.errors import FieldProblem, InvalidLabels, MalformedBody, TooManyLabels
from fraud_detection_api.field_texts import STORABLE, field_text
from fraud_detection_api.schemas.answered import DecisionId, TimeText
from fraud_detection_api.schemas.problem import MAX_PROBLEMS, first_problems, json_pointer
from fraud_detection_api.schemas.records import json_keys
from fraud_detection_api.schemas.records.errors_by_part import errors_by_part
from fraud_detection_api.schemas.request import IntegerId, Moment, RequestBody, StoredId
from fraud_detection_api.services.labels.recording import Recorded
from fraud_detection_api.telemetry import utc_text

LABELS = "labels"
_WRITTEN_ID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"


class _GivenLabel(RequestBody):
    """Fields of every label."""

    is_fraud: bool
    source: LabelSource = Field(description="Who reports the label.", examples=["chargeback"])
    effective_at: Moment | None = Field(
        default=None,
        description="When it became known; now, if left out. The label that became known last is in force.",
        examples=["2026-11-22T10:00:00Z"],
    )
    note: Annotated[str, Field(max_length=LONGEST_NOTE, pattern=STORABLE)] = ""


class LabelOfDecision(_GivenLabel):
    """A label for the decision with this id."""

    decision_id: Annotated[str, Field(pattern=_WRITTEN_ID), AfterValidator(as_answered)] = Field(
        examples=["017f22e2-79b0-7cc3-98c4-dc0c0c07398f"], json_schema_extra={"format": "uuid"}
    )


class LabelOfEntity(_GivenLabel):
    """A label for an entity's last decision at or before a time."""

    entity_id: IntegerId | StoredId = Field(
        description="The entity's id, as it was sent: a number or text.", examples=[345435]
    )
    decided_at: Moment = Field(
        description="The label applies to the entity's last decision at or before this time.",
        examples=["2026-11-22T10:00:00Z"],
    )


class LabelOfEvent(_GivenLabel):
    """A label for an event that was recorded without a decision."""

    event_id: StoredId = Field(description="Your own id of the event, as it was sent.", examples=["payment-7730"])


_KINDS: dict[str, type[_GivenLabel]] = {
    "of a decision": LabelOfDecision,
    "of an event": LabelOfEvent,
    "of an entity": LabelOfEntity,
}
_OF_DECISION, _OF_EVENT, _OF_ENTITY = _KINDS


_OWN = {kind: each.model_fields.keys() - _GivenLabel.model_fields.keys() for kind, each in _KINDS.items()}


def _kind(given: Any) -> str:
    """The first kind that a label has a field of its own of; one without any should name a decision."""
    if isinstance(given, _GivenLabel):
        return next(kind for kind, each in _KINDS.items() if isinstance(given, each))
    sent = given.keys() if isinstance(given, Mapping) else set()
    return next((kind for kind, own in _OWN.items() if own & sent), _OF_DECISION)


GivenLabel = Annotated[
    Annotated[LabelOfDecision, Tag(_OF_DECISION)]
    | Annotated[LabelOfEvent, Tag(_OF_EVENT)]
    | Annotated[LabelOfEntity, Tag(_OF_ENTITY)],
    Discriminator(_kind),
]

SomeLabel = LabelOfDecision | LabelOfEvent | LabelOfEntity

_FIELDS = frozenset(name for each in _KINDS.values() for name in each.model_fields)


class LabelsRequest(RequestBody):
    """Labels to record."""

    labels: list[GivenLabel]


class _FirstBad(RequestBody):
    """The same, but validation stops at the first bad label."""

    labels: Annotated[list[GivenLabel], FailFast()]


_EXACT = TypeAdapter(LabelsRequest)


class UnknownLabel(BaseModel):
    """A label that cannot be recorded, because its decision or event is not stored."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the request.", examples=["/labels/3"])
    detail: str = Field(examples=["no decision with that id is stored"])


class LabelsRecorded(BaseModel):
    """The numbers of recorded and repeated labels, and the labels that could not be recorded."""

    recorded: int = Field(description="Number of new labels.", examples=[2])
    repeated: int = Field(description="Number of labels that were recorded before; they change nothing.", examples=[0])
    unknown: list[UnknownLabel]


class RecordedLabel(BaseModel):
    """A label of a decision; times are ISO 8601."""

    is_fraud: bool = Field(examples=[True])
    source: LabelSource = Field(examples=["chargeback"])
    effective_at: TimeText = Field(description="When it became known.")
    recorded_at: TimeText = Field(description="When it was recorded.")
    note: str = Field(examples=["reported by the card's issuer"])
    reviewer: str | None = Field(
        description="Who said it: the name of a key or of a person; null if nobody was named.", examples=["back-office"]
    )
    in_force: bool = Field(description="Whether this label is in force: it became known last.", examples=[True])


class DecisionLabels(BaseModel):
    """The labels of a decision, in the order of recording; one of them, if there are any, is in force."""

    decision_id: DecisionId
    labels: list[RecordedLabel]


def parse_labels(body: bytes, *, limit: int, latest: int) -> Sequence[SomeLabel]:
    """Labels of a request, in its order; none may have become known after `latest`, in milliseconds since 1970.

    Raises MalformedBody if the body is not JSON, TooManyLabels above `limit`, InvalidLabels with every bad field (up to
    MAX_PROBLEMS) otherwise.
    """
    if json_keys.is_all_containers(body, limit) or (
        body.count(b"{") > limit and json_keys.array_length(body, (LABELS,)) > limit
    ):
        raise TooManyLabels(limit)
    parsed = json_keys.parsed_json(body)
    given = json_keys.array_in(parsed, (LABELS,))
    if len(given) > limit:
        raise TooManyLabels(limit)
    objects = json_keys.objects_in(parsed, (LABELS,), of_request=(LABELS,), of_item=_FIELDS)
    has_too_many_keys = json_keys.drop_needless_keys(objects, most=MAX_PROBLEMS + 1)
    labels = None if has_too_many_keys or json_keys.repeat_more(objects, MAX_PROBLEMS) else _valid(body)
    if labels is None:
        details = errors_by_part(_EXACT, parsed, (LABELS,), of_request=(LABELS,), of_item=_FIELDS)
        raise _invalid(chain(map(_problem, details), json_keys.duplicate_keys(parsed, LABELS)))
    refusal = _invalid(chain(_not_yet_known(labels, latest), json_keys.duplicate_keys(parsed, LABELS)))
    if refusal.problems:
        raise refusal
    return labels


def _valid(body: bytes) -> Sequence[SomeLabel] | None:
    """The labels, None where some are bad. Raises MalformedBody."""
    try:
        return _FirstBad.model_validate_json(body).labels
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise MalformedBody("the body is not JSON") from None
        return None


def labels_recorded(done: Recorded) -> LabelsRecorded:
    """The wire form of the results of labels."""
    unknown = [UnknownLabel(pointer=f"/{LABELS}/{index}", detail=reason) for index, reason in done.unknown]
    return LabelsRecorded(recorded=done.recorded, repeated=done.repeated, unknown=unknown)


def decision_labels(decision_id: str, history: Sequence[Label]) -> DecisionLabels:
    """The wire form of a decision's labels, given in the order of recording."""
    in_force = label_in_force(history)
    labels = [
        label._asdict()
        | {name: utc_text(getattr(label, name)) for name in ("effective_at", "recorded_at")}
        | {"in_force": label is in_force}
        for label in history
    ]
    return DecisionLabels.model_validate({"decision_id": decision_id, "labels": labels})


def _invalid(problems: Iterable[FieldProblem]) -> InvalidLabels:
    listed, more = first_problems(problems)
    return InvalidLabels(listed, more=more)


def _not_yet_known(labels: Sequence[SomeLabel], latest: int) -> Iterator[FieldProblem]:
    """Labels with a future time: they would stay in force whatever becomes known before that time."""
    for index, label in enumerate(labels):
        if label.effective_at is not None and epoch_milliseconds(label.effective_at) > latest:
            yield FieldProblem(f"/{LABELS}/{index}/effective_at", "must not be in the future")


def _problem(detail: ErrorDetails) -> FieldProblem:
    location = [part for part in detail["loc"] if part not in _KINDS]
    level: Literal["request", "label", "field"] = (
        "request" if len(location) < 2 else "field" if len(location) > 2 else "label"
    )
    if level == "field" and location[2] == "entity_id":
        location = location[:3]  # the rest names the type that did not match
    return FieldProblem(json_pointer(location), _text(detail, str(location[-1]) if location else "", level))


_TEXTS = {
    "string_pattern_mismatch": "must be a decision's id, as it was answered",
    "literal_error": f"must be one of {', '.join(LABEL_SOURCES)}",
    "list_type": "must be an array of labels",
}


def _text(detail: ErrorDetails, name: str, level: Literal["request", "label", "field"]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return (
            "is not a field of a request"
            if level == "request"
            else "is not a field of this kind of label; name its decision by decision_id, or by entity_id and decided_at, "
            "or its event by event_id"
        )
    if name == "entity_id" and kind != "missing":
        return f"must be a whole number, or text of 1 to {MAX_TEXT} characters without U+0000"
    if name == "decision_id" and kind == "missing":
        return "is required, or event_id, or entity_id and decided_at"
    if kind in ("model_type", "model_attributes_type") and level == "request":
        return 'must be an object: {"labels": [...]}'
    if kind == "string_pattern_mismatch" and name != "decision_id":
        return field_text(detail)
    return _TEXTS.get(kind) or field_text(detail, otherwise="is not valid")
