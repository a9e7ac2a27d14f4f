"""Events that are no decisions on the wire."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any, Literal

from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import ErrorDetails, from_json

from fraud_detection_api.contract.declaration import MAX_TEXT, Contract
from fraud_detection_api.decision.event import GivenEvent, event_contract
from fraud_detection_api.errors import FieldProblem, InvalidEvents, InvalidRecords, MalformedBody, TooManyEvents
from fraud_detection_api.field_texts import field_text
from fraud_detection_api.schemas.problem import first_problems, json_pointer
from fraud_detection_api.schemas.records import json_keys
from fraud_detection_api.schemas.records.errors_by_part import errors_by_part
from fraud_detection_api.schemas.records.parser import RecordParser, record_parser
from fraud_detection_api.schemas.request import RequestBody, StoredId

EVENTS, RECORD = "events", "record"


class SentEvent(RequestBody):
    """An event: what an entity did, without a decision on it."""

    event_id: StoredId = Field(
        description=f"Your own id of the event, 1 to {MAX_TEXT} characters. An event is recorded once under its id.",
        examples=["login-7730"],
    )
    record: dict[str, Any] = Field(
        description="The event's record: its id, time, keys, and the features that history features read. Other features "
        "may be left out."
    )
    is_fraud: bool | None = Field(
        default=None,
        description="What is known of the event now; null or left out, if nothing is. Labels say what turns out later.",
        examples=[False],
    )


class EventsRequest(RequestBody):
    """Events to record, in the order in which they happened."""

    events: list[SentEvent]


class EventsRecorded(BaseModel):
    """The numbers of recorded and repeated events."""

    recorded: int = Field(description="Number of new events.", examples=[1])
    repeated: int = Field(
        description="Number of events whose id was recorded before; they change nothing.", examples=[0]
    )


_REQUEST = TypeAdapter(EventsRequest)
_PARSERS: dict[str, RecordParser] = {}


def event_parser(contract: Contract) -> RecordParser:
    """The parser of events' records, built once in each process."""
    if contract.content_digest not in _PARSERS:
        _PARSERS[contract.content_digest] = record_parser(event_contract(contract))
    return _PARSERS[contract.content_digest]


def parse_events(body: bytes, contract: Contract, *, limit: int) -> list[GivenEvent]:
    """Events of a request, in its order, with records of the contract.

    Raises MalformedBody if the body is not JSON, TooManyEvents above `limit`, InvalidEvents with every bad field (up to
    MAX_PROBLEMS) otherwise.
    """
    parsed = _parsed(body, limit)
    sent = json_keys.array_in(parsed, (EVENTS,))
    places = [place for place, event in enumerate(sent) if isinstance(event, dict) and _has_record(event)]
    given: list[Any] = [sent[place][RECORD] for place in places]
    repeated = [*json_keys.duplicate_keys(parsed, EVENTS)]
    details = errors_by_part(_REQUEST, parsed, (EVENTS,), of_request=(EVENTS,), of_item=SentEvent.model_fields)
    records, of_records, more = _records(given, event_parser(contract), limit)
    moved = (_moved(problem, places) for problem in of_records)
    problems, are_cut = first_problems(chain(map(_problem, details), moved, repeated))
    if problems:
        raise InvalidEvents(problems, more=more or are_cut)
    events = _REQUEST.validate_json(json.dumps(parsed)).events  # errors_by_part took the records out
    return [GivenEvent(event.event_id, record, event.is_fraud) for event, record in zip(events, records, strict=True)]


def _parsed(body: bytes, limit: int) -> Any:
    """The body as `parsed_json` reads it."""
    if json_keys.is_all_containers(body, limit) or (
        body.count(b"{") > 2 * limit and json_keys.array_length(body, (EVENTS,)) > limit
    ):
        raise TooManyEvents(limit)
    try:
        from_json(body)
    except ValueError:
        raise MalformedBody("the body is not JSON") from None
    parsed = json_keys.parsed_json(body)
    if len(json_keys.array_in(parsed, (EVENTS,))) > limit:
        raise TooManyEvents(limit)
    return parsed


def _has_record(event: dict[str, Any]) -> bool:
    return isinstance(event.get(RECORD), dict)


def _records(
    given: list[Any], parser: RecordParser, limit: int
) -> tuple[list[dict[str, Any]], Iterable[FieldProblem], bool]:
    """The validated records, or their problems, as of an array of records; and whether there are more problems."""
    try:
        records = parser.parse(json.dumps(given).encode(), limit=limit)
    except InvalidRecords as error:
        return [], [*error.problems, *json_keys.duplicate_keys(given, "records")], error.more
    return records, json_keys.duplicate_keys(given, "records"), False


def _moved(problem: FieldProblem, places: list[int]) -> FieldProblem:
    """The problem of a field of a record, in the request."""
    _, index, field = problem.pointer.split("/", 2)
    return FieldProblem(f"/{EVENTS}/{places[int(index)]}/{RECORD}/{field}", problem.detail)


def _problem(detail: ErrorDetails) -> FieldProblem:
    location = detail["loc"]
    level: Literal["request", "event"] = "request" if len(location) < 2 else "event"
    return FieldProblem(json_pointer(location), _text(detail, level))


def _text(detail: ErrorDetails, level: Literal["request", "event"]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden" and level == "request":
        return f"is not a field of a request; its field is {EVENTS}"
    if kind == "extra_forbidden":
        return f"is not a field of an event; the fields are {', '.join(SentEvent.model_fields)}"
    if kind in ("model_type", "model_attributes_type") and level == "request":
        return f'must be an object: {{"{EVENTS}": [...]}}'
    return "must be an array of events" if kind == "list_type" else field_text(detail, otherwise="is not valid")
