"""A route's query parameters, and what is wrong with those of a request."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.field_texts import field_text
from fraud_detection_api.schemas.problem import json_pointer


async def only_own_parameters(request: Request) -> None:
    """Dependency of every route of the API: refuses parameters that the route does not have, or that are sent twice.

    Ignored, they would be believed to have been heeded; of two equal names, the second would count. Those of a route that
    has some are compared with its model later, together with the values. Raises RequestValidationError.
    """
    counts = Counter(name for name, _ in request.query_params.multi_items())
    known = parameters_of(request.scope.get("route"))
    if wrong := [name for name, count in counts.items() if count > 1 or not known]:
        raise RequestValidationError(
            [{"type": "repeated" if name in known else "extra_forbidden", "loc": ("query", name)} for name in wrong]
        )


def problems_of_query(query: bytes) -> list[FieldProblem]:
    """What is wrong with the parameters of a request to a route that takes none.

    >>> problems_of_query(b"dry_run=true")
    [FieldProblem(pointer='/dry_run', detail='is not a parameter of this route, which takes none')]
    """
    names = dict.fromkeys(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return [FieldProblem(json_pointer((name,)), _unknown(name, ())) for name in names]


def parameters_of(route: Any) -> list[str]:
    """The names of a route's query parameters, in the order of their declaration."""
    dependant = getattr(route, "dependant", None)
    names: list[str] = []
    for field in [] if dependant is None else dependant.query_params:
        kind = field.field_info.annotation
        is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        names += kind.model_fields if is_model else [field.alias]
    return names


def field_problem_text(detail: Mapping[str, Any], known: Sequence[str]) -> str:
    """What is wrong with the parameter or field of pydantic's `detail`, where a request may have the `known` parameters.

    >>> field_problem_text({"type": "extra_forbidden", "loc": ("query", "outcom")}, ["since", "outcome"])
    'is not a parameter of this route; did you mean outcome? Its parameters are outcome, since'
    """
    is_parameter = detail["loc"][0] == "query"
    if detail["type"] == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), known) if is_parameter else "is not a field of this request"
    if detail["type"] == "repeated":
        return "was sent more than once; send it once"
    if is_parameter and detail.get("input") == "":
        return "is empty; give it a value, or leave it out"
    return field_text(detail)


def _unknown(name: str, known: Sequence[str]) -> str:
    if not known:
        return "is not a parameter of this route, which takes none"
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"is not a parameter of this route; {hint}Its parameters are {', '.join(dict.fromkeys([*close, *known]))}"
