"""What requests are made of: models that refuse unknown fields, and the types that several requests share."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from fraud_detection_api.contract.declaration import INT_MAX, MAX_TEXT
from fraud_detection_api.contract.levels import composed
from fraud_detection_api.contract.times import parse_time
from fraud_detection_api.decision.identifiers import as_answered
from fraud_detection_api.field_texts import STORABLE

_INT64 = 2**63

DecisionId = Annotated[str, AfterValidator(as_answered), WithJsonSchema({"type": "string", "format": "uuid"})]
"""A decision's id as it was answered, with digits of either case. It names no decision if it is anything else."""


class Parameters(BaseModel):
    """The query parameters of a route. Unknown ones are refused. The base class itself declares none."""

    model_config = ConfigDict(extra="forbid")


class RequestBody(BaseModel):
    """A JSON body, or an object in one. Types are strict, and unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def whole_number(sent: Any) -> Any:
    """An integer for a number that is one, such as 3.0: some clients make that of integers. Anything else stays as it is.

    >>> [whole_number(each) for each in (3.0, 3.5, 2.0**53, "3", True)]
    [3, 3.5, 9007199254740992.0, '3', True]
    """
    is_whole = isinstance(sent, float) and -INT_MAX <= sent <= INT_MAX and sent.is_integer()
    return int(sent) if is_whole else sent


IntegerId = Annotated[int, Field(ge=-_INT64, le=_INT64 - 1), BeforeValidator(whole_number)]
NOT_BLANK: JsonDict = {"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"}
"""The pattern of stripped texts in JSON Schema, which strips nothing."""

STRIPPED: dict[str, Any] = {"strip_whitespace": True, "min_length": 1, "max_length": MAX_TEXT, "pattern": STORABLE}
"""Constraints of a text whose blanks around it are ignored, as they are in files."""

TextId = Annotated[str, StringConstraints(**STRIPPED), Field(json_schema_extra=NOT_BLANK)]
"""The text of an id to look up."""

StoredId = Annotated[TextId, BeforeValidator(lambda sent: composed(sent) if isinstance(sent, str) else sent)]
"""The text of an id or a key as it is stored: in Unicode's composed form, so that the same text is the same id."""


def _parsed_time(text: Any) -> datetime:
    moment = parse_time(text) if isinstance(text, str) else None
    if moment is None:
        raise PydanticCustomError("datetime_type", "not a calendar time")
    return moment


# pydantic's own reading accepts texts that a file may not hold, and takes digits for seconds since 1970
Moment = Annotated[datetime, BeforeValidator(_parsed_time)]
"""A time as text, in the forms that files may use too."""
