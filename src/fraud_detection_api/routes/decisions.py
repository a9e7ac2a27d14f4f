"""POST /v1/decisions: records in, decisions with outcome and reasons out."""

from collections.abc import Callable
from typing import Any

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.body import Headers
from fraud_detection_api.routes.protocol.deadlines import DEADLINE, DEADLINE_HEADER
from fraud_detection_api.routes.protocol.problems import problem
from fraud_detection_api.routes.scoring.asked import Asked
from fraud_detection_api.routes.scoring.idempotency import HEADER as IDEMPOTENCY_KEY
from fraud_detection_api.routes.scoring.idempotency import REPLAYED
from fraud_detection_api.routes.scoring.route import ANSWER_HEADERS, BAD_FIELD, PROBLEMS
from fraud_detection_api.routes.scoring.together import Answers, Wording
from fraud_detection_api.routes.scoring.turns import ScoringRequest, SentHeaders
from fraud_detection_api.schemas.decisions import decision_texts, decisions_body
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService

PATH = "/v1/decisions"

LONGEST_DEADLINE_MS = 3_600_000

_REPLAYED = {
    "description": "`true` if this key was answered before; the records are not scored again.",
    "schema": {"type": "string"},
}

_UNUSABLE = problem(
    422,
    "Records break the contract (`errors` lists the invalid fields), or the Idempotency-Key was used with another body.",
    errors.InvalidRecords,
    errors.IdempotencyKeyReused,
    field=BAD_FIELD,
)

OPERATION: dict[str, Any] = {
    "tags": ["scoring"],
    "summary": "What to do about each record, and why",
    "description": (
        "Returns a decision for each record, in order. One invalid record refuses the whole request; the answer then lists "
        "the invalid fields.\n\nTowards the deadline, reasons are dropped first. Records that are not scored in time "
        "get a fallback outcome, marked by `decision_source`. If the decisions are not stored by the deadline, the answer "
        "is 503 `commit_in_doubt` with their `decision_ids`."
    ),
    "operationId": "decide",
    "parameters": [
        {
            "name": DEADLINE,
            "in": "header",
            "description": "Milliseconds for the answer, from the arrival of the request; the commit is part of it.",
            "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_DEADLINE_MS},
        },
        {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "description": "Your key for this request. Sent again with the same body, the request gets the same answer and "
            "is decided once; with another body it is refused (422).",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
    ],
    "requestBody": {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DecisionRequest"}}},
        "required": True,
    },
    "responses": {
        "200": {
            "description": "A decision for each record, in order.",
            "headers": {**ANSWER_HEADERS, REPLAYED: _REPLAYED},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DecisionsBody"}}},
        },
        **PROBLEMS,
        **problem(
            400,
            f"The body is not JSON, or the header `{DEADLINE}` or `{IDEMPOTENCY_KEY}` cannot be used.",
            errors.MalformedBody,
            errors.InvalidHeader,
        ),
        **_UNUSABLE,
    },
}
"""The route in OpenAPI; FastAPI does not know of it."""


def decisions(service: DecisionService, *, max_records: int) -> Answers:
    """Answers with decisions on at most `max_records` records, in order."""

    def read(request: ScoringRequest) -> Asked:
        records, explain, dry_run = request.deployment.parser.parse_decisions(request.body, limit=max_records)
        deadline = NEVER if request.deadline is None else request.deadline.score_by(len(records))
        return Asked(records, explain, dry_run, deadline)

    return Answers(service, read, Wording(decision_texts, decisions_body, explains=True))


def deadlines(default_ms: float | None) -> Callable[[Headers, SentHeaders], float | None]:
    """A function that says how many seconds a request has, by its headers, None for no deadline; raises InvalidHeader."""

    def seconds(headers: Headers, sent: SentHeaders) -> float | None:
        milliseconds = _stated_deadline_ms(headers, sent) or default_ms
        return None if milliseconds is None else milliseconds / 1000

    return seconds


def _stated_deadline_ms(headers: Headers, sent: SentHeaders) -> int | None:
    """The caller's deadline. Raises InvalidHeader."""
    stated = headers.get(DEADLINE_HEADER)
    if stated is None:
        return None
    if sum(name == DEADLINE_HEADER for name, _ in sent) > 1:
        raise errors.InvalidHeader(DEADLINE, "occurs more than once; send one")
    stated = stated.strip()  # as RFC 9110 says, though not every server does it
    if not (stated.isdigit() and len(stated) < 10 and 1 <= int(stated) <= LONGEST_DEADLINE_MS):
        raise errors.InvalidHeader(DEADLINE, f"must be a whole number of milliseconds from 1 to {LONGEST_DEADLINE_MS}")
    return int(stated)
