"""POST /fraud_detection: records in, fraud probabilities out. The given contract: it never changes."""

from typing import Any

from pydantic_core import to_json

from fraud_detection_api.routes.scoring import ANSWER_HEADERS, Answer, ScoringRequest
from fraud_detection_api.schemas.parser import record_parser
from fraud_detection_api.services.deciding.decisions import NEVER, Task

PATH = "/fraud_detection"

OPERATION: dict[str, Any] = {
    "tags": ["scoring"],
    "summary": "How likely is each record fraud?",
    "description": (
        "A JSON array of records to a JSON array of calibrated fraud probabilities, in the same order.\n\n"
        "One bad record refuses the whole request; the answer then names every bad field."
    ),
    "operationId": "post_fraud_detection_fraud_detection_post",
    "requestBody": {
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Record"}}}
        },
        "required": True,
    },
    "responses": {
        "200": {
            "description": "Probabilities, in order.",
            "headers": ANSWER_HEADERS,
            "content": {
                "application/json": {
                    "schema": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
                    "example": [0.9904],
                }
            },
        }
    },
}
"""The route in OpenAPI, which FastAPI does not know of."""


def answer(request: ScoringRequest) -> Answer:
    """The probabilities of the request's records."""
    bundle, limit = request.model.bundle, request.container.settings.max_records
    records = record_parser(bundle.contract).parse(request.body, limit=limit)
    request.watch.lap("parse")
    task = Task(request.model, explain=False, deadline=NEVER, watch=request.watch)
    decisions = request.container.decisions.decide(task, records).decisions
    body = to_json(decisions.probabilities)
    return Answer(body, decisions, request.kept(decisions, records, body))
