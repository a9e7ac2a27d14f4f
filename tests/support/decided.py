"""Decisions that a real model makes, as the rows that a server would keep of them."""

from collections.abc import Sequence
from typing import Any

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.services.deciding.decisions import NEVER, DecisionService, Task
from fraud_detection_api.services.deciding.recording import Recorder, RequestContext
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.telemetry import Stopwatch

BEGINNING = 1_795_341_600_500
"""When they are made, in milliseconds since 1970: 2026-11-22T10:00:00.5Z."""


def decided(
    model: ServedModel,
    records: Sequence[dict[str, Any]],
    recorder: Recorder | None = None,
    *,
    explain: bool = False,
    at: int = BEGINNING,
    deadline: float = NEVER,
) -> list[StoredDecision]:
    """Rows of one request with these validated records."""
    service = DecisionService(fallback="review", wall_clock=lambda: at / 1000)
    decisions = service.decide(Task(model, explain, deadline, Stopwatch()), records).decisions
    context = RequestContext("r-1", None, 1.5, len(records))
    return (recorder or Recorder()).rows(decisions, records, model.bundle.contract, [context])
