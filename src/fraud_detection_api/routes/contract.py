"""GET /v1/contract: what a record must look like."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from fraud_detection_api.routes.access import container_of, require_role
from fraud_detection_api.schemas.contract import contract_schema

router = APIRouter(prefix="/v1", tags=["contract"], dependencies=[Depends(require_role("score"))])


@router.get("/contract", summary="The contract as JSON Schema")
async def get_contract(request: Request) -> dict[str, Any]:
    """JSON Schema of one record, of the model that is serving; `x-` keys give fingerprint, units, rules and formulas."""
    return contract_schema(container_of(request).champion.current().bundle.contract)
