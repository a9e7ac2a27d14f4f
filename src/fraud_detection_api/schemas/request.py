"""What requests are made of: models that refuse unknown fields, and the types that several requests share."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from fraud_detection_api.contract.declaration import MAX_TEXT
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.field_texts import STORABLE

_INT64 = 2**63


class Parameters(BaseModel):
    """The query parameters of a route. Unknown ones are refused. The base class itself declares none."""

    model_config = ConfigDict(extra="forbid")


class RequestBody(BaseModel):
    """A JSON body, or an object in one. Types are strict, and unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


IntegerId = Annotated[int, Field(ge=-_INT64, le=_INT64 - 1)]
TextId = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=STORABLE)]


def _parsed_time(text: Any) -> datetime:
    moment = parse_time(text) if isinstance(text, str) else None
    if moment is None:
        raise PydanticCustomError("datetime_type", "not a calendar time")
    return moment


# pydantic's own reading accepts texts that a file may not hold, and takes digits for seconds since 1970
Moment = Annotated[datetime, BeforeValidator(_parsed_time)]
"""A time as text, in the forms that files may use too."""
