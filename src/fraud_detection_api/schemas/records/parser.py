"""Bytes of a request to validated records of a contract."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from fraud_detection_api.contract.columns import Record
from fraud_detection_api.contract.declaration import Constraint, Contract
from fraud_detection_api.errors import FraudError, InvalidRecords, MalformedBody, TooManyRecords
from fraud_detection_api.schemas.problem import first_problems
from fraud_detection_api.schemas.records import json_keys, record_type
from fraud_detection_api.schemas.records.errors_by_part import errors_by_part, errors_of
from fraud_detection_api.schemas.records.fast_reader import FastReader
from fraud_detection_api.schemas.records.problems import constraint_problems, field_problem, json_problem

LARGE_BODY_BYTES = 64 * 1024
"""From this size on, parsing and scoring take milliseconds. Records are then validated one by one, because validating them
all is one step in which no other request gets a turn."""


SMALL_BODY_BYTES = 4 * 1024
"""Below this size, whatever a body holds is validated in a millisecond or two."""


class ParsedRequest(NamedTuple):
    """A request for decisions on records, in order: whether to give reasons, and whether to store nothing."""

    records: list[dict[str, Any]]
    explain: bool
    dry_run: bool


_PARSERS: dict[str, "RecordParser"] = {}


def record_parser(contract: Contract) -> "RecordParser":
    """The parser of that contract, built once in each process."""
    if contract.content_digest not in _PARSERS:  # its errors and its schema have the contract's words
        _PARSERS[contract.content_digest] = RecordParser(contract)
    return _PARSERS[contract.content_digest]


class RecordParser:
    """Reads request bodies into validated records of one contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.array, self.decision_request = (
            record_type.array_type(contract),
            record_type.decision_request_type(contract),
        )
        self._fast = FastReader(contract)
        self._columns = frozenset(contract.record_columns)
        self._broken = _constraint_reader(list(contract.enforced.values()))

    def parse(self, body: bytes, *, limit: int) -> list[dict[str, Any]]:
        """The records of a JSON array, in its order.

        Raises MalformedBody where the body is not JSON, TooManyRecords above `limit`, and otherwise InvalidRecords with
        every bad field (up to MAX_PROBLEMS).
        """
        records = self._fast.read_array(body, limit=limit)
        return self._read(self.array, body, limit)[1] if records is None else records

    def parse_decisions(self, body: bytes, *, limit: int) -> ParsedRequest:
        """What a request for decisions asks for. Raises as `parse`."""
        request = self._fast.read_request(body, limit=limit)
        if request is None:
            own, records = self._read(self.decision_request, body, limit)
            request = own | {record_type.RECORDS: records}
        explain, dry_run = request.get(record_type.EXPLAIN, False), request.get(record_type.DRY_RUN, False)
        return ParsedRequest(request[record_type.RECORDS], explain, dry_run)

    @cached_property
    def record(self) -> TypeAdapter[Any]:
        """Of one record, for its JSON Schema."""
        return TypeAdapter(record_type.record_type(self.contract))

    def _read(self, kind: record_type.BodyType, body: bytes, limit: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The request's own fields, none for an array, and its records. Raises as `parse`."""
        is_large = len(body) >= LARGE_BODY_BYTES
        if is_large:
            self._refuse_stuffed(kind, body, limit)
        try:
            request = (kind.lazy if is_large else kind.quick).validate_json(body)
            # taken out: lazy records refer to the request, and both would stay until the collector runs
            records = request.pop(record_type.RECORDS) if kind.path else request
            if is_large:
                if kind.path and not all(isinstance(flag, bool) for flag in request.values()):
                    raise self._refusal(kind, body, limit)
                # in a loop of Python's, other threads get their turn; in list(), they do not
                records = [record for record in records]  # noqa: C416
        except ValidationError as error:
            raise self._refusal(kind, body, limit, error) from None
        if len(records) > limit:
            raise TooManyRecords(limit)
        keys = sum(map(len, records)) + (len(request) + 1 if kind.path else 0)
        # A body has a colon for each key. It has more where texts hold some, or where a key is unknown or occurs twice.
        if body.count(b":") != keys and json_keys.has_other_keys(
            self._objects(kind, parsed := json_keys.parsed_json(body))
        ):
            raise self._invalid(kind, body, parsed)
        if any(map(self._broken, records)):
            raise self._invalid(kind, body, json_keys.parsed_json(body))
        return request if kind.path else {}, records

    def _refuse_stuffed(self, kind: record_type.BodyType, body: bytes, limit: int) -> None:
        """Refuse a bad body that holds more than `limit` records do, before pydantic reads it.

        Pydantic copies a record, with all that is in it, for each missing field. Texts may be full of colons and commas, so
        such a body is not refused for their number, but only checked with more care. One of arrays and objects alone is not
        even parsed.
        """
        if json_keys.is_all_containers(body, limit):
            raise TooManyRecords(limit)
        most = limit * len(self._columns) + len(record_type.DECISION_REQUEST_FIELDS)
        if max(body.count(b":"), body.count(b",")) > most:
            refusal = self._refusal(kind, body, limit)
            if not isinstance(refusal, InvalidRecords) or refusal.problems:
                raise refusal

    def _refusal(
        self, kind: record_type.BodyType, body: bytes, limit: int, error: ValidationError | None = None
    ) -> FraudError:
        """The error for a body that pydantic does not accept, for the first reason that it came upon."""
        if body.count(b"{") > limit and json_keys.array_length(body, kind.path) > limit:
            return TooManyRecords(limit)
        parsed = json_keys.parsed_json(body)
        if len(json_keys.array_in(parsed, kind.path)) > limit:
            return TooManyRecords(limit)
        first = None if error is None else error.errors(include_url=False, include_input=False)[0]
        if first is not None and first["type"] == "json_invalid":
            return MalformedBody(json_problem(first))
        return self._invalid(kind, body, parsed)

    def _invalid(self, kind: record_type.BodyType, body: bytes, parsed: Any) -> FraudError:
        """The error that names every problem. `parsed` is the body as `parsed_json` reads it, and is changed here."""
        records = json_keys.array_in(parsed, kind.path)
        if parsed is None or len(body) < SMALL_BODY_BYTES:
            details = errors_of(kind.exact, body)
        else:
            details = self._details(kind, parsed)
        if details and details[0]["type"] == "json_invalid":
            return MalformedBody(json_problem(details[0]))
        of_fields = (field_problem(detail, self.contract, kind.path) for detail in details)
        of_constraints = constraint_problems(records, details, path=kind.path, broken=self._broken)
        problems, more = first_problems(
            chain(of_fields, of_constraints, json_keys.duplicate_keys(parsed, record_type.RECORDS))
        )
        return InvalidRecords(problems, more=more)

    def _details(self, kind: record_type.BodyType, parsed: Any) -> list[ErrorDetails]:
        of_request = record_type.DECISION_REQUEST_FIELDS
        return errors_by_part(kind.exact, parsed, kind.path, of_request=of_request, of_item=self._columns)

    def _objects(self, kind: record_type.BodyType, parsed: Any) -> list[json_keys.KnownKeys]:
        return json_keys.objects_in(
            parsed, kind.path, of_request=record_type.DECISION_REQUEST_FIELDS, of_item=self._columns
        )


def _constraint_reader(constraints: Sequence[Constraint]) -> Callable[[Record], list[Constraint]]:
    """A function that lists the constraints that a record breaks. A missing operand breaks none."""
    checks = [(each, each.parsed.names, each.parsed.for_one_record()) for each in constraints]

    def broken(record: Record) -> list[Constraint]:
        found = []
        for constraint, names, holds in checks:
            try:
                operands = {name: float(record[name]) for name in names}  # float64, as in a file's columns
            except (KeyError, TypeError):  # left out, or None
                continue
            if not holds(operands):
                found.append(constraint)
        return found

    return broken
