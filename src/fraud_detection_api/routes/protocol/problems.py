"""The errors that a route raises, each with its status: OpenAPI shows them, and main answers by them."""

from collections.abc import Iterable, Mapping
from typing import Any

from fraud_detection_api import errors
from fraud_detection_api.errors import FieldProblem, FraudError
from fraud_detection_api.schemas.problem import MEDIA_TYPE, problem_body

Responses = dict[int | str, dict[str, Any]]
"""The responses of a route by status, as OpenAPI has them."""


class _ProblemResponse(dict[str, Any]):
    """A response in OpenAPI that also knows which errors are answered with it."""

    kinds: tuple[type[FraudError], ...] = ()


def problem(
    status: int, when: str, *kinds: type[FraudError], code: str | None = None, field: FieldProblem | None = None
) -> Responses:
    """The response to errors of these kinds. The example has the code of the first kind, or `code`."""
    code = code or problem_code(kinds[0])
    example = problem_body(
        status=status,
        code=code,
        detail=when,
        request_id="0b7e5bffaa8c534aa4b1dbbdf475f903",
        errors=() if field is None else (field,),
    )
    schema = {"$ref": "#/components/schemas/Problem"}
    response = _ProblemResponse(description=when, content={MEDIA_TYPE: {"schema": schema, "example": example}})
    response.kinds = kinds
    return {str(status): response}


_BAD_FIELD = FieldProblem("/allow_contract_change", "input should be a valid boolean")


def invalid_request(when: str, *kinds: type[FraudError], field: FieldProblem = _BAD_FIELD) -> Responses:
    """The response to a request whose fields or parameters cannot be used."""
    return problem(422, when, *kinds, code="invalid_request", field=field)


def declared_statuses(routes: Iterable[Mapping[Any, Any]]) -> dict[type[FraudError], int]:
    """The status of each kind of error, from the responses that routes declare; in the order of status and name."""
    statuses: dict[type[FraudError], int] = {}
    for responses in routes:
        for status, response in responses.items():
            for kind in response.kinds if isinstance(response, _ProblemResponse) else ():
                declared = statuses.setdefault(kind, int(status))
                assert declared == int(status), f"{kind.__name__} is declared as {declared} and as {status}"
    return dict(sorted(statuses.items(), key=lambda each: (each[1], each[0].__name__)))


def problem_code(kind: type[FraudError]) -> str:
    """An error's name on the wire.

    >>> problem_code(errors.UnknownModel)
    'unknown_model'
    """
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).removeprefix("_")


BODY = {
    **problem(400, "The body is not JSON.", errors.MalformedBody, errors.CallerGone),
    **problem(408, "The body did not arrive in time.", errors.BodyTooSlow),
    **problem(413, "The body is above the limit.", errors.BodyTooLarge),
    **problem(415, "The body is not uncompressed application/json.", errors.UnsupportedMedia),
}
"""Of routes that read a JSON body."""

KEYED = {
    **problem(401, "The request has no key, or an unknown one.", errors.Unauthenticated),
    **problem(403, "The key's role does not permit this.", errors.Forbidden),
    **problem(
        429,
        "Too many requests are in progress (`overloaded`), or this key's limit of requests or records a second is reached "
        "(`rate_exceeded`; `RateLimit` says what is left). `Retry-After` says when to try again.",
        errors.Overloaded,
        errors.RateExceeded,
    ),
}
"""Of routes that need a key, where the server has keys. Without keys, they take a place all the same."""

NO_PARAMETERS = invalid_request(
    "A parameter was sent; this route takes none.",
    field=FieldProblem("/limit", "is not a parameter of this route, which takes none"),
)
"""Of routes that declare no query parameters."""

NO_STORE = problem(404, "This server has no decision store.", errors.NoStore)
STORE_UNAVAILABLE = problem(503, "The decision store cannot be read now.", errors.StoreUnavailable)
REGISTRY_UNAVAILABLE = problem(503, "The registry cannot be read or written.", errors.RegistryUnavailable)
