"""Errors on the wire: RFC 9457 problem details."""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.schemas.answered import DecisionId

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:fraud-detection-api:problem:"
LONGEST_NAME = 256
MAX_PROBLEMS = 1000

# RFC 9110's phrases, which older releases of Python lack
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class FieldError(BaseModel):
    """An invalid field: its position in the request, and what it must be. The value that was sent is never repeated."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the request.", examples=["/3/total_balance"])
    detail: str = Field(examples=["must be at least 0"])


class Problem(BaseModel):
    """A problem (RFC 9457): what is wrong, and what to do."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    type: str = Field(examples=[TYPE_PREFIX + "invalid_records"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["2 fields are invalid"])
    code: str = Field(description="The kind of problem, for programs.", examples=["invalid_records"])
    request_id: str = Field(
        description="The request's X-Request-ID, as in the server's log.", examples=["0b7e5bffaa8c534aa4b1dbbdf475f903"]
    )
    errors: list[FieldError] | None = Field(default=None, description="The invalid fields, or the first of them.")
    decision_ids: list[DecisionId] | None = Field(
        default=None, description="Decisions of the request that may be stored, or the first hundred: all are, or none."
    )


def json_pointer(location: Sequence[int | str]) -> str:
    """The JSON Pointer (RFC 6901) of a location. Long names are cut: only a caller can have made them up.

    >>> json_pointer([3, "a/b"])
    '/3/a~1b'
    """
    return "".join("/" + str(part)[:LONGEST_NAME].replace("~", "~0").replace("/", "~1") for part in location)


def first_problems(problems: Iterable[FieldProblem]) -> tuple[list[FieldProblem], bool]:
    """The first MAX_PROBLEMS, each once, and whether there are more."""
    found = list(islice(_each_once(problems), MAX_PROBLEMS + 1))
    return found[:MAX_PROBLEMS], len(found) > MAX_PROBLEMS


def _each_once(problems: Iterable[FieldProblem]) -> Iterator[FieldProblem]:
    seen = set[FieldProblem]()
    for problem in problems:
        if problem not in seen:
            seen.add(problem)
            yield problem


def problem_body(
    *,
    status: int,
    code: str,
    detail: str,
    request_id: str,
    errors: tuple[FieldProblem, ...] = (),
    decision_ids: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The problem as JSON values, with `errors` and `decision_ids` only if there are any."""
    problem: dict[str, Any] = {  # a Problem, but a thousand errors as models would hold up the event loop
        "type": TYPE_PREFIX + code,
        "title": _TITLES.get(status, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if errors:
        problem["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in errors]
    if decision_ids:
        problem["decision_ids"] = list(decision_ids)
    return problem
