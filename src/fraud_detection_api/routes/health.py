"""Is it alive, and can it score."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fraud_detection_api import errors
from fraud_detection_api.routes.protocol.dependencies import provided
from fraud_detection_api.routes.protocol.problems import problem
from fraud_detection_api.schemas.records.parser import RecordParser
from fraud_detection_api.services.admission.drain import Drain
from fraud_detection_api.services.models.deployment import Deployment
from fraud_detection_api.services.models.follower import AliasFollower
from fraud_detection_api.services.storage.decision_writer import DecisionWriter

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The process can score and store decisions."""

    status: Literal["ready"] = "ready"
    model_version: str = Field(examples=["7"])


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a process needs to score; it has no `writer` where no decisions are stored."""

    champion: AliasFollower[Deployment[RecordParser]]
    drain: Drain
    writer: DecisionWriter | None

    def require(self) -> str:
        """The version that scores. Raises errors.Draining, errors.StoreUnavailable, errors.StoreBusy, ModelNotReady."""
        self.drain.require_none()
        if self.writer is not None:
            self.writer.require_room()
        return self.champion.require().champion.version


@router.get("/ping", operation_id="ping", summary="Is the process alive?")
async def get_ping() -> Alive:
    """200 while the process is alive."""
    return Alive()


@router.get("/livez", operation_id="get_liveness", summary="Liveness, for an orchestrator")
async def get_livez() -> Alive:
    """200 while the process is alive. A restart cannot fix what `/readyz` reports."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Readiness, for an orchestrator",
    responses=problem(
        503,
        "No verified model is loaded, decisions cannot be stored, or the process is shutting down; `detail` says which.",
        errors.ModelNotReady,
        errors.Draining,
        errors.StoreBusy,
        errors.StoreUnavailable,
    ),
)
async def get_readyz(readiness: Annotated[Readiness, provided(Readiness)]) -> Ready:
    """200 once a model is loaded, its golden rows are reproduced and decisions can be stored; else 503 with the reason.

    Where the server has keys, only the roles `monitor` and `admin` see the reason; everybody sees the `code`. Also 503 while
    the process shuts down: it still answers, but new requests should go to another one.
    """
    return Ready(model_version=readiness.require())
