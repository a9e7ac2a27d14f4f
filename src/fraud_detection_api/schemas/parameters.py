"""Query parameters, read whole."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """A route's query parameters; one that is unknown is refused, never passed over. By itself: none."""

    model_config = ConfigDict(extra="forbid")
