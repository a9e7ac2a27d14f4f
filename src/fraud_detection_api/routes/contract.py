"""GET /v1/contract: what a record must look like."""

from typing import Any

from fastapi import APIRouter, Depends

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.dependencies import Champion, require_role
from fraud_detection_api.routes.protocol.problems import KEYED, MODEL_NOT_READY, problem
from fraud_detection_api.schemas.contract import contract_schema

router = APIRouter(
    prefix="/v1",
    tags=["contract"],
    dependencies=[Depends(require_role("score"))],
    responses={**KEYED, **problem(503, MODEL_NOT_READY, errors.ModelNotReady)},
)


@router.get("/contract", summary="The contract as JSON Schema")
async def get_contract(champion: Champion) -> dict[str, Any]:
    """JSON Schema of a record of the model in service; `x-` keys give fingerprint, units, constraints and formulas."""
    return contract_schema(champion.require().contract)
