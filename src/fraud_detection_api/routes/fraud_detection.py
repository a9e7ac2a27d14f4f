"""POST /fraud_detection: records in, fraud probabilities out. The given contract: it never changes.

A plain ASGI application, for a scored record costs less than what FastAPI does around one.
"""

import asyncio
from typing import Any

from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from fraud_detection_api.container import Container
from fraud_detection_api.routes.body import headers_of, read_json_body
from fraud_detection_api.schemas.records import record_parser
from fraud_detection_api.services.champion import ServedModel
from fraud_detection_api.services.scoring import fraud_probabilities

PATH = "/fraud_detection"

LARGE_BODY_BYTES = 64 * 1024
"""From here on, parsing and scoring take milliseconds, and are done off the event loop."""

MODEL_VERSION = "X-Model-Version"

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
            "headers": {MODEL_VERSION: {"description": "The version that scored.", "schema": {"type": "string"}}},
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


class FraudDetection:
    """Answers the route's requests; errors are for the application around it."""

    path = PATH

    def __init__(self, container: Container) -> None:
        self._container = container

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        container, settings = self._container, self._container.settings
        scope["route"] = self  # as FastAPI notes its own, for the log
        headers = headers_of(scope)
        container.keys.require("score", headers.get(b"authorization", b"").decode("latin-1"))
        with container.gate.admit():
            model = container.champion.current()
            body = await read_json_body(
                headers, receive, limit_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
            )
            if len(body) < LARGE_BODY_BYTES:
                probabilities = _score(model, body, settings.max_records)
            else:
                probabilities = await asyncio.to_thread(_score, model, body, settings.max_records)
        scope["state"] |= {"records": len(probabilities), "model_version": model.version}
        await _answer(send, to_json(probabilities), model.version)


def _score(model: ServedModel, body: bytes, max_records: int) -> list[float]:
    records = record_parser(model.bundle.contract).parse(body, limit=max_records)
    return fraud_probabilities(model.bundle, records)


async def _answer(send: Send, body: bytes, version: str) -> None:
    headers = [
        (b"x-model-version", version.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
