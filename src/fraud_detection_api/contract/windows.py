"""Features over what an entity did before: their declaration, and the keys that only they need."""

import re
from functools import cached_property, lru_cache
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from fraud_detection_api.contract.conditions import Condition, parse_condition
from fraud_detection_api.contract.wording import ColumnName, Declared, GroupName, ReasonOrNone

Measure = Literal["count", "sum", "mean", "min", "max", "std", "distinct", "share_fraud", "since_last", "since_first"]

NUMERIC_MEASURES: frozenset[Measure] = frozenset({"sum", "mean", "min", "max", "std"})
"""The measures of a number."""

COUNTED: frozenset[Measure] = frozenset({"count", "share_fraud", "since_last", "since_first"})
"""The measures that need no column: of the events themselves."""

FOLDED: frozenset[Measure] = frozenset({"count", "sum", "since_last", "since_first"})
"""The measures whose value follows from the former value and the new event: only they may have an unlimited window."""

UNLIMITED = "unlimited"

_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
Duration = Annotated[str, StringConstraints(pattern=rf"^{_DURATION.pattern}$")]
DurationOrUnlimited = Annotated[str, StringConstraints(pattern=rf"^({_DURATION.pattern}|{UNLIMITED})$")]

FOREVER = 2**62
"""The microseconds of an unlimited window: longer than any time between two events."""


@lru_cache
def microseconds(duration: str) -> int:
    """The microseconds of a duration as a contract writes it: a whole number of s, m, h, d or w; or FOREVER.

    >>> microseconds("2h"), microseconds("unlimited") == FOREVER
    (7200000000, True)
    """
    found = _DURATION.fullmatch(duration)
    return FOREVER if found is None else int(found[1]) * _SECONDS[found[2]] * 1_000_000


def duration_text(us: int) -> str:
    """A number of microseconds in whole seconds, as people write it.

    >>> duration_text(microseconds("25h")), duration_text(microseconds("14d"))
    ('1d 1h', '14d')
    """
    seconds, parts = us // 1_000_000, []
    for unit in "dhms":
        number, seconds = divmod(seconds, _SECONDS[unit])
        parts += [f"{number}{unit}"] if number else []
    return " ".join(parts) or "0s"


class Time(Declared):
    """When a record was made. It splits training data, and is optional on the wire without history.

    `format` is that of files, as a feature's. In files, an event is known `arrival_delay` after its time. A record that is
    `late` by more than that, beside the newest that has arrived, has no history.
    """

    name: ColumnName
    format: str | None = None
    arrival_delay: Duration = "0s"
    late: Duration = "7d"
    description: str = ""


class Key(Declared):
    """A column that names an entity, such as a terminal. History features go by it, and no model reads it."""

    dtype: Literal["int", "str"] = "int"
    nullable: bool = False
    description: str = ""
    example: int | str | None = None


def _several(names: object) -> object:
    """One name, or several."""
    return (names,) if isinstance(names, str) else names


class HistoryFeature(Declared):
    """A number about the earlier events of a record's entity, which `by` names: its id, keys or categories.

    At a record's time t, the window holds the entity's events with times in (t - delay - window, t - delay] that had
    arrived before the record, and satisfy `where`; with `current = "include"`, the record itself counts too. `of` is the
    column that is measured. `distinct` counts up to `at_most` values. Docs: how-to/history-features.
    """

    by: Annotated[tuple[str, ...], Field(strict=False, min_length=1), BeforeValidator(_several)]
    measure: Measure
    of: str | None = None
    window: DurationOrUnlimited
    delay: Duration = "0s"
    current: Literal["include", "exclude"] = "exclude"
    where: str | None = None
    at_most: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    description: str = ""
    unit: str = ""
    monotone: Literal["increasing", "decreasing"] | None = None
    reason: ReasonOrNone | None = None
    reason_group: GroupName | None = None

    @property
    def window_us(self) -> int:
        """The window in microseconds."""
        return microseconds(self.window)

    @property
    def delay_us(self) -> int:
        """The delay in microseconds."""
        return microseconds(self.delay)

    @cached_property
    def condition(self) -> Condition | None:
        """The parsed `where`. Raises InvalidFormula."""
        return None if self.where is None else parse_condition(self.where)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The columns that it goes by, measures, or has a condition on. Raises InvalidFormula."""
        named = {*self.by} if self.of is None else {*self.by, self.of}
        return frozenset(named | {*self.condition.names} if self.condition else named)

    def counts_as(self, other: "HistoryFeature") -> bool:
        """Whether both have the same value at any record, whatever they are called and however they are worded."""
        return self.definition == other.definition

    @property
    def definition(self) -> tuple[object, ...]:
        """What its values depend on."""
        names = (self.by, self.measure, self.of, self.where, self.current)
        return *names, self.window_us, self.delay_us, self.at_most if self.measure == "distinct" else None

    @property
    def measured(self) -> str:
        """What is measured, such as `mean of amount`."""
        return self.measure if self.of is None else f"{self.measure} of {self.of}"
