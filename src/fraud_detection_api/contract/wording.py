"""How a contract words reasons: their declaration, the placeholders in their texts, and which of its keys are wording."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, StringConstraints, Tag

from fraud_detection_api.contract.formula import Formula

ReasonCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)]
COLUMN_NAME = r"^[^`{}\x00-\x1f]+$"
COLUMN_NAME_LENGTH = 128
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=COLUMN_NAME_LENGTH, pattern=COLUMN_NAME)]
GroupName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ReasonText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LevelName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^{}]+$")]

BANDED = ("int", "float", "category")
"""The dtypes whose texts may have `{band}`."""

_BAND = re.compile(r"[\s,:;(\u2013\u2014]*\{band\}\)?")


def without_band(text: str) -> str:
    """The text for a value that cannot be placed among the training data.

    >>> without_band("Your income is {value}, {band}"), without_band("{value} ({band}) accounts are open")
    ('Your income is {value}', '{value} accounts are open')
    """
    return _BAND.sub("", text).lstrip(" ,:;")


class Declared(BaseModel):
    """The base of all declarations: immutable, with strict types and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Reason(Declared):
    """What an analyst reads when this feature drove a decision.

    In texts, `{value}` stands for the record's value, and `{band}` for where it stands among the training data, such as
    "higher than 80 % of customers". `raises` and `lowers` replace `text` where the feature raised or lowered the risk, and
    `favourable_code` replaces `code` where it lowered it, if they are declared. `floored_text` replaces them where a derived
    feature's divisor is below its floor, so that the value is not a ratio of the record's numbers; `{column}` in it stands
    for a column that the formula reads.
    """

    code: ReasonCode
    favourable_code: ReasonCode | None = None
    text: ReasonText
    raises: ReasonText | None = None
    lowers: ReasonText | None = None
    floored_text: ReasonText | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The declared texts of a value, by key."""
        declared = {"text": self.text, "raises": self.raises, "lowers": self.lowers}
        return {key: text for key, text in declared.items() if text is not None}


REASON, NO_REASON = "reason", "false"
"""Pydantic's names for the two things that `reason` may be."""

ReasonOrNone = Annotated[
    Annotated[Reason, Tag(REASON)] | Annotated[Literal[False], Tag(NO_REASON)],
    Discriminator(lambda declared: NO_REASON if isinstance(declared, bool) else REASON),
]
"""A reason; or `false`, which bars a column from the reasons."""


class ReasonGroup(Declared):
    """What is shown instead of the reasons of the features in a group."""

    code: ReasonCode
    text: ReasonText


def reason_problems(reason: Reason, formula: Formula | None, *, dtype: str) -> Iterator[tuple[str, str]]:
    """The key of each problem of a reason's texts, and what to change. `formula` is that of a derived feature."""
    for key, text in reason.texts.items():
        if "{band}" in text and dtype not in BANDED:
            yield "reason", f"a {dtype} has no {{band}}; remove the placeholder from the {key}"
        elif _has_other_placeholders(text, ("band",)):
            yield "reason", f"the {key} may contain the placeholders {{value}} and {{band}}, and no other"
        elif not without_band(text).strip():
            yield "reason", f"the {key} must say more than {{band}}, which older models do not know"
    if reason.floored_text is None:
        return
    if formula is None or not formula.floors:
        yield "reason", "floored_text is for formulas that divide by max(column, number); remove the key"
    elif _has_other_placeholders(reason.floored_text, formula.names):
        yield (
            "reason",
            "floored_text may contain {value} and the columns that the formula reads, and no other placeholder",
        )


def _has_other_placeholders(text: str, columns: tuple[str, ...]) -> bool:
    for name in ("value", *columns):
        text = text.replace(f"{{{name}}}", "")
    return "{" in text or "}" in text


ROWS = "__all__"
"""Pydantic's word for each value of a mapping."""

PRESENTATION: dict[str, Any] = {
    "description": True,
    "identifier": {"description"},
    "target": {"description"},
    "time": {"description"},
    "keys": {ROWS: {"description", "example"}},
    "features": {ROWS: {"description", "unit", "example", "reason", "reason_group", "level_names"}},
    "history": {ROWS: {"description", "unit", "reason", "reason_group"}},
    "derived": {ROWS: {"description", "unit", "reason", "reason_group"}},
    "constraints": {ROWS: {"message"}},
    "reason_groups": True,
}
"""What people read, and no score and no record depends on: no fingerprint covers it."""

_REASON_SINCE = {"favourable_code", "raises", "lowers", "floored_text"}
NOT_IN_FORMER: dict[str, Any] = {
    "features": {ROWS: {"reason": _REASON_SINCE, "reason_group": True, "protected": True, "level_names": True}},
    "derived": {ROWS: {"reason": _REASON_SINCE, "reason_group": True}},
    "reason_groups": True,
}
"""What the fingerprints of earlier releases do not cover, as they did not know it or counted it as wording."""
