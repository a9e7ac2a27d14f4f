"""What history features are, in a few lines of plain Python: one event after another, and no table of anything."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fraud_detection_api.contract.windows import UNLIMITED, HistoryFeature, microseconds

Record = Mapping[str, Any]

CONDITIONS: Mapping[str, Callable[[Record], bool]] = {
    "amount > 0": lambda record: _known(record, "amount") and record["amount"] > 0,
    "channel == 'web'": lambda record: record["channel"] == "web",
    "channel != 'web' or not visits >= 2": lambda record: (
        record["channel"] not in ("web", None) or not (_known(record, "visits") and record["visits"] >= 2)
    ),
    "terminal != 1 and amount + visits < 3": lambda record: (
        _known(record, "terminal", "amount", "visits")
        and record["terminal"] != 1
        and record["amount"] + record["visits"] < 3
    ),
}
"""Conditions of history features, and each in Python."""


class Past(NamedTuple):
    """An event that arrived before, and whether it is known as fraud."""

    time: datetime
    record: Record
    is_fraud: bool


def measured(feature: HistoryFeature, time: datetime, record: Record, arrived: Sequence[Past]) -> float | None:
    """The feature of a record; `arrived` are the events that are known, as they arrived."""
    if not _known(record, *feature.by):
        return None
    end = time - timedelta(microseconds=feature.delay_us)
    events = [each for each in sorted(arrived, key=lambda each: each.time) if each.time <= end]
    if feature.window != UNLIMITED:
        begin = end - timedelta(microseconds=microseconds(feature.window))
        events = [each for each in events if each.time > begin]
    if feature.current == "include":
        events.append(Past(time, record, is_fraud=False))
    events = [each for each in events if all(each.record[name] == record[name] for name in feature.by)]
    if feature.where is not None:
        events = [each for each in events if CONDITIONS[feature.where](each.record)]
    return _measure(feature, time, events)


def _known(record: Record, *names: str) -> bool:
    return all(record[name] is not None for name in names)


def _measure(feature: HistoryFeature, time: datetime, events: Sequence[Past]) -> float | None:
    match feature.measure:
        case "count":
            return float(len(events))
        case "share_fraud":
            return sum(each.is_fraud for each in events) / len(events) if events else 0.0
        case "since_last":
            return (time - events[-1].time).total_seconds() if events else None
        case "since_first":
            return (time - events[0].time).total_seconds() if events else None
    values = [each.record[feature.of] for each in events if each.record[feature.of] is not None]
    return float(min(len({*values}), feature.at_most)) if feature.measure == "distinct" else _number(feature, values)


def _number(feature: HistoryFeature, values: Sequence[float]) -> float | None:
    """Whole numbers are added in ones, others in millionths."""
    one = 1_000_000 if feature.of == "amount" else 1
    units = [round(max(-1e18, min(value, 1e18)) * float(one)) for value in values]
    if feature.measure == "sum":
        return float(sum(units)) / one
    if not units:
        return None
    if feature.measure in ("min", "max"):
        return float((min if feature.measure == "min" else max)(units)) / one
    mean = float(sum(units)) / (one * len(units))
    if feature.measure == "mean":
        return mean
    if len(units) < 2:
        return None
    squares = 0.0
    for each in units:
        squares += (float(each) / one - mean) * (float(each) / one - mean)
    return math.sqrt(squares / (len(units) - 1))
