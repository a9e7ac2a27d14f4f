"""POST /v1/decisions: records in, decisions with outcome and reasons out."""

from typing import Any

from fraud_detection_api.errors import InvalidHeader
from fraud_detection_api.routes.idempotency import HEADER as IDEMPOTENCY_KEY
from fraud_detection_api.routes.idempotency import REPLAYED
from fraud_detection_api.routes.scoring import ANSWER_HEADERS, Answer, ScoringRequest
from fraud_detection_api.schemas.decisions import decisions_body
from fraud_detection_api.schemas.parser import record_parser
from fraud_detection_api.services.deciding.decisions import NEVER, Task

PATH = "/v1/decisions"

DEADLINE = "X-Deadline-Ms"
LONGEST_DEADLINE_MS = 3_600_000
_DEADLINE_HEADER = DEADLINE.lower().encode()

_REPLAYED = {
    "description": "`true` for what was answered to this key before; no model scored anew.",
    "schema": {"type": "string"},
}

OPERATION: dict[str, Any] = {
    "tags": ["scoring"],
    "summary": "What is to be done about each record, and why?",
    "description": (
        "Decisions in the records' order. One bad record refuses the whole request; the answer then names every bad "
        "field.\n\nWhere time runs out, explanations are dropped first; records that were not scored within the deadline "
        "get a fallback outcome, marked by `decision_source`."
    ),
    "operationId": "post_decisions",
    "parameters": [
        {
            "name": DEADLINE,
            "in": "header",
            "description": "Milliseconds from the request's arrival within which its records are to be decided.",
            "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_DEADLINE_MS},
        },
        {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "description": "Your name for this request. Sent again with the same body, it is answered as before and decided "
            "once; with another body it is refused (422).",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
    ],
    "requestBody": {
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DecisionRequest"}}},
        "required": True,
    },
    "responses": {
        "200": {
            "description": "Decisions, in order.",
            "headers": {**ANSWER_HEADERS, REPLAYED: _REPLAYED},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DecisionsBody"}}},
        }
    },
}
"""The route in OpenAPI, which FastAPI does not know of."""


def answer(request: ScoringRequest) -> Answer:
    """The decisions on the request's records."""
    contract, settings = request.model.bundle.contract, request.container.settings
    deadline = _deadline(request, settings.deadline_ms)
    records, explain, dry_run = record_parser(contract).parse_decisions(request.body, limit=settings.max_records)
    request.watch.lap("parse")
    decided = request.container.decisions.decide(Task(request.model, explain, deadline, request.watch), records)
    body = decisions_body(decided, contract)
    kept = None if dry_run else request.kept(decided.decisions, records, body)
    return Answer(body, decided.decisions, kept, decided.explanations)


def _deadline(request: ScoringRequest, default_ms: float | None) -> float:
    milliseconds = _stated_deadline_ms(request) or default_ms
    return NEVER if milliseconds is None else request.watch.began + milliseconds / 1000


def _stated_deadline_ms(request: ScoringRequest) -> int | None:
    """Raises InvalidHeader."""
    stated = request.headers.get(_DEADLINE_HEADER)
    if stated is None:
        return None
    if _DEADLINE_HEADER in request.repeated:
        raise InvalidHeader(DEADLINE, "occurs more than once; send one")
    stated = stated.strip()  # as RFC 9110 has it, which not every server does
    if not (stated.isdigit() and len(stated) < 10 and 1 <= int(stated) <= LONGEST_DEADLINE_MS):
        raise InvalidHeader(DEADLINE, f"must be a whole number of milliseconds from 1 to {LONGEST_DEADLINE_MS}")
    return int(stated)
