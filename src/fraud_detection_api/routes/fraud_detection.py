"""POST /fraud_detection: records in, fraud probabilities out. The given contract: it never changes."""

import asyncio

from fastapi import APIRouter, Depends, Request, Response
from pydantic_core import to_json

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.routes.body import read_json_body
from fraud_detection_api.schemas.records import record_parser
from fraud_detection_api.services.champion import ServedModel
from fraud_detection_api.services.scoring import fraud_probabilities

router = APIRouter(tags=["scoring"])

LARGE_BODY_BYTES = 64 * 1024
"""From here on, parsing and scoring take milliseconds, and are done off the event loop."""

MODEL_VERSION = "X-Model-Version"

_ANSWER = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}
_RECORDS = {"type": "array", "items": {"$ref": "#/components/schemas/Record"}}


@router.post(
    "/fraud_detection",
    summary="How likely is each record fraud?",
    dependencies=[Depends(require_role("score"))],
    response_class=Response,
    responses={
        200: {
            "description": "Probabilities, in order.",
            "headers": {MODEL_VERSION: {"description": "The version that scored.", "schema": {"type": "string"}}},
            "content": {"application/json": {"schema": _ANSWER, "example": [0.9904]}},
        }
    },
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _RECORDS}}}},
)
async def post_fraud_detection(request: Request) -> Response:
    """A JSON array of records to a JSON array of calibrated fraud probabilities, in the same order.

    One bad record refuses the whole request; the answer then names every bad field.
    """
    container = container_of(request)
    settings = container.settings
    with container.gate.admit():
        model = container.champion.current()
        body = await read_json_body(
            request, limit_bytes=settings.max_body_bytes, timeout_seconds=settings.body_timeout_seconds
        )
        if len(body) < LARGE_BODY_BYTES:
            probabilities = _score(model, body, settings.max_records)
        else:
            probabilities = await asyncio.to_thread(_score, model, body, settings.max_records)
    request.state.records = len(probabilities)
    request.state.model_version = model.version
    return Response(to_json(probabilities), headers={MODEL_VERSION: model.version}, media_type="application/json")


def _score(model: ServedModel, body: bytes, max_records: int) -> list[float]:
    records = record_parser(model.bundle.contract).parse(body, limit=max_records)
    return fraud_probabilities(model.bundle, records)
