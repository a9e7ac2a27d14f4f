"""The reasons of a decision as bars, each in plain words, and how common its value is."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from fraud_detection_api.console.decisions.distribution import Distribution, distribution
from fraud_detection_api.console.decisions.values import words_for
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.schemas.decisions import ReasonBody

HALF = 100.0
"""The length of the strongest reason's bar: half of the drawing, whose middle means no influence."""


class StoredReason(NamedTuple):
    """A stored reason's code, and its text in plain words."""

    code: str
    text: str


def stored_reasons(reasons: str | None) -> list[StoredReason]:
    """The reasons of a stored decision, the strongest first; none of a row that another hand wrote.

    >>> stored_reasons('[{"code": "B", "description": "The balance is high"}]'), stored_reasons('[{"code": 1}]')
    ([StoredReason(code='B', text='The balance is high')], [])
    """
    try:
        found = [StoredReason(each["code"], each["description"]) for each in from_json(reasons or "[]")]
    except (ValueError, LookupError, TypeError):
        return []
    return found if all(isinstance(text, str) for each in found for text in each) else []


class ReasonRow(NamedTuple):
    """A reason. `x` and `width` place its bar in a drawing that is twice HALF wide."""

    code: str
    feature: str
    words: str
    text: str
    raises: bool
    log_odds: str
    odds: str
    x: float
    width: float
    distribution: Distribution | None


def reason_rows(
    reasons: Sequence[ReasonBody], contract: Contract | None, reference: Mapping[str, Any]
) -> list[ReasonRow]:
    """The reasons, strongest first."""
    strongest = max((abs(each.contribution_log_odds) for each in reasons), default=1.0) or 1.0
    return [_row(each, contract, reference, strongest) for each in reasons]


def _row(reason: ReasonBody, contract: Contract | None, reference: Mapping[str, Any], strongest: float) -> ReasonRow:
    name, log_odds = reason.feature, reason.contribution_log_odds
    width = HALF * abs(log_odds) / strongest
    return ReasonRow(
        code=reason.code,
        feature=name,
        words=words_for(contract, name),
        text=reason.description,
        raises=log_odds > 0,
        log_odds=f"{log_odds:+.2f}".replace("-", "\N{MINUS SIGN}"),
        odds=odds_text(log_odds),
        x=HALF if log_odds > 0 else HALF - width,
        width=width,
        distribution=None if contract is None else distribution(contract, reference, name, reason.value),
    )


def odds_text(log_odds: float) -> str:
    """What log-odds multiply or divide the odds by.

    >>> odds_text(1.97), odds_text(-0.7), odds_text(9.0)
    ('times 7.2', 'divided by 2.0', 'times 8,103')
    """
    factor = math.exp(min(abs(log_odds), 700.0))
    text = f"{factor:,.0f}" if factor >= 100 else f"{factor:.1f}"
    return say("reasons.times" if log_odds > 0 else "reasons.divided", factor=text)
