"""Texts of answers that have a format of JSON Schema."""

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from fraud_detection_api.telemetry import utc_text

DecisionId = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "uuid"}),
    Field(examples=["017f22e2-79b0-7cc3-98c4-dc0c0c07398f"]),
]

TimeText = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time"}), Field(examples=["2026-11-22T10:00:00.123Z"])
]
"""A time as `utc_text` writes it."""

Moment = Annotated[TimeText, BeforeValidator(utc_text)]
"""The same, from milliseconds since 1970."""
