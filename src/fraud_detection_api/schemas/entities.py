"""What an entity did, on the wire."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from fraud_detection_api.field_texts import STORABLE
from fraud_detection_api.policy.outcomes import Outcome
from fraud_detection_api.schemas.answered import TimeText
from fraud_detection_api.schemas.history import Moment
from fraud_detection_api.schemas.request import Parameters
from fraud_detection_api.services.entities.profile import Profile
from fraud_detection_api.telemetry import utc_text

MOST_HAPPENED, USUAL_HAPPENED = 1000, 20
MOST_READ = 5_000
"""Decisions, and events, of an entity that a request reads: `fraud history show` reads all."""


MOST_LEAVES = 50_000
"""Decisions, events and labels of the store that a request with `key` looks at, the newest: two or three seconds."""


class EntityQuery(Parameters):
    """What to show of an entity."""

    key: Annotated[str, Field(min_length=1, max_length=1024, pattern=STORABLE)] | None = Field(
        None,
        description="A column that history features go by, or several with commas between them: the path then has a value "
        "of each. Left out, it is the id. Without the id among them, the newest "
        f"{MOST_LEAVES:,} entries of the store are read.",
        examples=["terminal"],
    )
    at: Moment | None = Field(None, description="Up to this time, and the features as of it; now, if left out.")
    limit: int = Field(
        USUAL_HAPPENED, ge=1, le=MOST_HAPPENED, description="Maximum number of decisions and events that are listed."
    )


class HappenedBody(BaseModel):
    """A decision or an event."""

    at: TimeText = Field(description="The time in its record.")
    kind: Literal["decision", "event"] = Field(examples=["decision"])
    id: str = Field(
        description="The decision's id, or the `event_id`.", examples=["017f22e2-79b0-7cc3-98c4-dc0c0c07398f"]
    )
    outcome: Outcome | None = Field(description="The decision's outcome; null for an event.", examples=["approve"])
    is_fraud: bool | None = Field(
        description="The label in force; of an event without one, what was known when it was recorded; null if nothing is.",
        examples=[False],
    )


class EntityHistoryBody(BaseModel):
    """What an entity did, newest first, and its history features."""

    at: TimeText
    events: list[HappenedBody]
    features: dict[str, float | None] | None = Field(
        description="The history features that go by the id alone, or by the columns `key`, as a record at that time would "
        f"see them; null for a missing value. Null for all where the entity has more than about {MOST_READ:,} decisions or "
        f"events, or with `key`, the store more than {MOST_LEAVES:,} entries: `fraud history show` computes them.",
        examples=[{"payments_1h": 3.0}],
    )


def entity_history_body(profile: Profile) -> EntityHistoryBody:
    """The wire form of a profile."""
    events = [
        HappenedBody(at=utc_text(each.at), kind=each.kind, id=each.name, outcome=each.outcome, is_fraud=each.is_fraud)
        for each in profile.happened
    ]
    return EntityHistoryBody(at=utc_text(profile.at), events=events, features=profile.features)
