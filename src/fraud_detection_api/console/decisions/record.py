"""The record of a decision in the contract's words, and its history features with their windows."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from fraud_detection_api.console.decisions.distribution import Distribution, distribution
from fraud_detection_api.console.decisions.values import value_text, words_for
from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.windows import UNLIMITED, HistoryFeature

MOST_DRAWN = 60
"""Values that have a drawing: a contract may have hundreds, and the page has its limit."""

Role = Literal["id", "time", "key", "feature", "unknown"]


class RecordRow(NamedTuple):
    """A value of the record. `role` is what the contract makes of the column; `unknown` where it does not name it.

    `searched` is what a search for a key has to say; empty of other columns.
    """

    name: str
    words: str
    value: str
    is_missing: bool
    is_protected: bool
    role: Role
    distribution: Distribution | None
    searched: str


class HistoryRow(NamedTuple):
    """A history feature: what is measured of what, in which window, and its value."""

    name: str
    words: str
    measured: str
    by: str
    window: str
    value: str
    is_missing: bool
    distribution: Distribution | None


def record_rows(record: Mapping[str, Any], contract: Contract | None, reference: Mapping[str, Any]) -> list[RecordRow]:
    """The record's columns in the contract's order, and then those that the contract does not name."""
    history = {} if contract is None else contract.history
    names = [] if contract is None else [name for name in contract.record_columns if name in record]
    others = [name for name in record if name not in names and name not in history]
    return [_row(name, record[name], contract, reference, place) for place, name in enumerate([*names, *others])]


def _row(name: str, value: Any, contract: Contract | None, reference: Mapping[str, Any], place: int) -> RecordRow:
    role = _role(contract, name)
    drawn = contract is not None and role == "feature" and place < MOST_DRAWN
    return RecordRow(
        name=name,
        words=words_for(contract, name),
        value=value_text(contract, name, value),
        is_missing=value is None,
        is_protected=contract is not None and name in contract.protected,
        role=role,
        distribution=distribution(contract, reference, name, value) if drawn and contract is not None else None,
        searched=str(value) if role == "key" and value is not None else "",
    )


def _role(contract: Contract | None, name: str) -> Role:
    if contract is None:
        return "unknown"
    if contract.identifier is not None and name == contract.identifier.name:
        return "id"
    if name in contract.keys:
        return "key"
    if name in contract.features:
        return "feature"
    return "time" if contract.time is not None and name == contract.time.name else "unknown"


def history_rows(
    record: Mapping[str, Any], contract: Contract | None, reference: Mapping[str, Any]
) -> list[HistoryRow]:
    """The history features in the contract's order, as the decision saw them."""
    if contract is None:
        return []
    return [
        HistoryRow(
            name=name,
            words=each.description,
            measured=measured_words(each),
            by=", ".join(each.by),
            window=window_words(each),
            value=value_text(contract, name, record.get(name)),
            is_missing=record.get(name) is None,
            distribution=distribution(contract, reference, name, record.get(name)) if place < MOST_DRAWN else None,
        )
        for place, (name, each) in enumerate(contract.history.items())
    ]


def measured_words(feature: HistoryFeature) -> str:
    """What is measured, such as `mean of amount`, and of which events."""
    words = say(f"measure.{feature.measure}", of=feature.of or "")
    return words if feature.where is None else say("history_feature.where", measured=words, where=feature.where)


def window_words(feature: HistoryFeature) -> str:
    """The window, and how long before the record it ends."""
    if feature.window == UNLIMITED:
        words = say("history_feature.always")
    else:
        words = say("history_feature.window", window=feature.window)
    if feature.delay_us:
        words = say("history_feature.delayed", window=words, delay=feature.delay)
    return say("history_feature.included", window=words) if feature.current == "include" else words
