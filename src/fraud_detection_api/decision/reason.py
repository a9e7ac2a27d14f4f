"""A reason: a feature's part in a decision, in the contract's words."""

from typing import Literal, NamedTuple, TypeAlias

Direction = Literal["increases_risk", "decreases_risk"]

Shown: TypeAlias = bool | float | str
"""A value on the wire."""


class ReasonGiven(NamedTuple):
    """A feature's part in a score. `value` is from the record, or derived from it; None if it is missing.

    `contribution_log_odds` is what the feature adds to the margin (see `model.attribution`).
    """

    rank: int
    code: str
    feature: str
    value: Shown | None
    direction: Direction
    contribution_log_odds: float
    description: str
