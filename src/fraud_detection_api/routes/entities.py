"""What an entity did: its newest decisions and events, and its history features."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol import problems
from fraud_detection_api.routes.protocol.dependencies import Champion, provided, require_role, take_turn
from fraud_detection_api.routes.protocol.parameters import only_own_parameters
from fraud_detection_api.schemas.entities import (
    MOST_LEAVES,
    MOST_READ,
    EntityHistoryBody,
    EntityQuery,
    entity_history_body,
)
from fraud_detection_api.schemas.request import TextId
from fraud_detection_api.services.entities.profile import EntityProfiles, Most, NoEntity

router = APIRouter(prefix="/v1/entities", tags=["decisions"])


@router.get(
    "/{entity_id}/history",
    operation_id="get_entity_history",
    summary="What an entity did",
    dependencies=[Depends(require_role("analyst", "auditor")), Depends(only_own_parameters), Depends(take_turn)],
    responses={
        **problems.KEYED,
        **problems.NO_STORE,
        **problems.problem(409, "The contract of the model in service has no history features.", errors.NoHistory),
        **problems.invalid_request("A parameter is invalid or unknown."),
        **problems.problem(
            503,
            "The decision store cannot be read now, or no model is loaded.",
            errors.StoreUnavailable,
            errors.ModelNotReady,
        ),
    },
)
def get_entity_history(
    profiles: Annotated[EntityProfiles, provided(EntityProfiles)],
    champion: Champion,
    entity_id: TextId,
    query: Annotated[EntityQuery, Query()],
) -> EntityHistoryBody:
    """The newest decisions and events of the entity with this id or other key, and its history features as of a time.

    The features count all that has arrived by now, also what arrived later than that time. An id that nothing is stored
    about did nothing.
    """
    contract = champion.require().contract
    columns = query.key.split(",") if query.key else ()
    try:
        profile = profiles.of(
            contract, entity_id, columns, at=query.at, limit=query.limit, most=Most(MOST_READ, MOST_LEAVES)
        )
    except NoEntity as error:
        place = ("query", "key") if error.are_columns else ("path", "entity_id")
        raise RequestValidationError([{"type": "no_entity", "loc": place, "msg": error.detail}]) from None
    return entity_history_body(profile)
