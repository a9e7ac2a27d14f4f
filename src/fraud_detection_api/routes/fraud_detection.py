"""POST /fraud_detection: records in, fraud probabilities out. The given contract: it never changes."""

from typing import Any

from fraud_detection_api.decision.row_format import json_texts
from fraud_detection_api.routes.scoring.asked import Asked
from fraud_detection_api.routes.scoring.route import ANSWER_HEADERS, PROBLEMS
from fraud_detection_api.routes.scoring.together import Answers, Wording
from fraud_detection_api.routes.scoring.turns import ScoringRequest
from fraud_detection_api.services.deciding.decisions import DecisionService

PATH = "/fraud_detection"

OPERATION: dict[str, Any] = {
    "tags": ["scoring"],
    "summary": "How likely is each record to be fraud?",
    "description": (
        "Takes a JSON array of records, and returns a JSON array of calibrated fraud probabilities in the same order.\n\n"
        "One invalid record refuses the whole request; the answer then lists the invalid fields."
    ),
    "operationId": "detect_fraud",
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


def probabilities(service: DecisionService, *, max_records: int) -> Answers:
    """Answers with the fraud probabilities of at most `max_records` records, in order."""

    def read(request: ScoringRequest) -> Asked:
        return Asked(request.deployment.parser.parse(request.body, limit=max_records))

    return Answers(service, read, _WORDING)


_WORDING = Wording(
    each=lambda decisions, _contract: json_texts(decisions.probabilities),
    whole=lambda texts, _explanations: f"[{','.join(texts)}]",
    explains=False,
)
