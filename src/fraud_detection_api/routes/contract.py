"""GET /v1/contract: what a record must look like."""

from typing import Any

from fastapi import APIRouter, Depends

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.dependencies import Champion, require_role, take_turn
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.routes.protocol.problems import KEYED, NO_PARAMETERS, problem
from fraud_detection_api.schemas.contract import contract_schema

router = APIRouter(
    prefix="/v1",
    tags=["contract"],
    dependencies=[
        Depends(require_role("score", "analyst", "auditor")),
        Depends(only_own_parameters),
        Depends(take_turn),
    ],
    responses={**KEYED, **NO_PARAMETERS, **problem(503, "No verified model is loaded.", errors.ModelNotReady)},
)


@router.get(
    "/contract",
    operation_id="get_contract",
    summary="The contract as JSON Schema",
    response_description="The JSON Schema.",
    responses={200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ContractSchema"}}}}},
)
async def get_contract(champion: Champion) -> dict[str, Any]:
    """The JSON Schema of the champion's records. The `x-` keys have fingerprint, units, constraints and formulas."""
    return contract_schema(champion.require().contract)
