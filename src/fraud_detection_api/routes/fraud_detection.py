"""POST /fraud_detection: records in, fraud probabilities out. The given contract: it never changes."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from fraud_detection_api.routes.scoring.route import ANSWER_HEADERS, PROBLEMS
from fraud_detection_api.routes.scoring.turns import Answer, ScoringRequest
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task

PATH = "/fraud_detection"

OPERATION: dict[str, Any] = {
    "tags": ["scoring"],
    "summary": "How likely is each record to be fraud?",
    "description": (
        "Takes a JSON array of records, and returns a JSON array of calibrated fraud probabilities in the same order.\n\n"
        "One invalid record refuses the whole request; the answer then lists the invalid fields."
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
            "description": "A fraud probability for each record, in order.",
            "headers": ANSWER_HEADERS,
            "content": {
                "application/json": {
                    "schema": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
                    "example": [0.9904],
                }
            },
        },
        **PROBLEMS,
    },
}
"""The route in OpenAPI; FastAPI does not know of it."""


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Answers with the fraud probabilities of at most `max_records` records."""

    decisions: DecisionService
    max_records: int

    def answer(self, request: ScoringRequest) -> Answer:
        """The probabilities of the request's records, in order."""
        deployment, watch = request.deployment, request.watch
        records = deployment.parser.parse(request.body, limit=self.max_records)
        watch.lap("parse")
        task = Task(deployment.champion, explain=False, deadline=NEVER, watch=watch)
        decisions = self.decisions.decide(task, records).decisions
        return Answer(to_json(decisions.probabilities), decisions, records)
