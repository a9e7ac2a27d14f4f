"""The store of what the observer derives from decisions, as the services use it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from fraud_detection_api.decision.stored import StoredDecision
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.services.storage.decision_store import DecisionFilter


class CountedSlot(NamedTuple):
    """What the decisions of one model were like during a stretch of time.

    `start` is in milliseconds since 1970, `seconds` is 300 or 3600, `counts` a JSON value, that of `monitoring.counts`.
    """

    start: int
    seconds: int
    model_digest: str
    counts: Mapping[str, Any]


class ShadowDecision(NamedTuple):
    """What a challenger would have decided on a record that the champion decided on.

    `margin` in log-odds, `duration_us` microseconds that the record took, `observed_at` milliseconds since 1970.
    """

    decision_id: str
    model_version: str
    model_digest: str
    policy_version: str
    margin: float
    fraud_probability: float
    outcome: Outcome
    duration_us: float
    observed_at: int


class ObservationStore(Protocol):
    """Keeps what the observer made of decisions, beside them; the store of the decisions makes it ready.

    Each method may be called from any thread and raises StoreUnavailable where it cannot work.
    """

    def position(self) -> int:
        """The position in the log up to which decisions were observed; 0 before the first."""

    def record(self, position: int, slots: Sequence[CountedSlot], shadows: Sequence[ShadowDecision]) -> None:
        """Keep all that was made of the decisions before `position`, in one transaction.

        Slots replace those of the same start, seconds and model; a decision's shadow by the same challenger stays as it was,
        and none is stored for a decision that was removed or erased meanwhile.
        The position never goes back: raises StoreUnavailable, and keeps nothing, where somebody else has observed further.
        """

    def slots(self, *, since: int, seconds: int) -> list[CountedSlot]:
        """Those of that length that start then or later, oldest first."""

    def compared(
        self, challenger_digest: str, wanted: DecisionFilter, *, limit: int, after: str | None = None
    ) -> list[tuple[StoredDecision, ShadowDecision]]:
        """The oldest wanted decisions that the challenger shadowed, oldest first; of those after an id, if one is given."""

    def remove_before(self, moment: int) -> None:
        """Remove slots that started before that moment, in milliseconds since 1970. Shadows go with their decisions."""
