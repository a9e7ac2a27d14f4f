"""The state of a decision's replay: equal to the last bit, or what differs."""

from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic_core import to_json

from fraud_detection_api.services.history.replay import SOUND, ReplayResult, Status

_LONGEST = 300

State: TypeAlias = Status | Literal["registry_unavailable"]


class DifferenceRow(NamedTuple):
    """A field whose recomputed value is another one."""

    field: str
    stored: str
    recomputed: str


class Replayed(NamedTuple):
    """The result of a replay. `was_read` says that the model's files were read and verified for it."""

    status: State
    is_sound: bool
    differences: list[DifferenceRow]
    was_read: bool


def replayed(result: ReplayResult, *, was_read: bool) -> Replayed:
    """The result as the page shows it."""
    rows = [DifferenceRow(each.field, _shown(each.stored), _shown(each.recomputed)) for each in result.differences]
    return Replayed(result.status, result.status in SOUND, rows, was_read)


def _shown(value: Any) -> str:
    """A value with all its digits: a difference may be in the last one."""
    text = value if isinstance(value, str) else to_json(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
