"""How the pages write values, times and shares."""

from datetime import UTC, datetime
from typing import Any

from fraud_detection_api.console.words import say
from fraud_detection_api.contract.declaration import Contract, Feature
from fraud_detection_api.contract.times import names_a_year, parse_time
from fraud_detection_api.field_texts import plain_number

_LONGEST = 400
"""Characters of a text that are shown: a record may have longer ones."""


def clock(milliseconds: int) -> str:
    """A time in UTC to the second, from milliseconds since 1970.

    >>> clock(1_795_341_600_123)
    '2026-11-22 10:00:00'
    """
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def percent(share: float) -> str:
    """A share from 0 to 1, with as many digits as say something.

    >>> percent(0.12345), percent(0.00021), percent(0.0), percent(0.99999)
    ('12.3', '0.021', '0', '99.999')
    """
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}"
    if 0.001 <= share <= 0.999:
        return f"{100 * share:.1f}"
    return f"{100 * share:.2g}" if share < 0.5 else f"{100 * share:.3f}"


def number_text(value: float, *, exactly: bool = True) -> str:
    """A number with separators of thousands: all its digits, or four of a computed one.

    >>> number_text(1234.5), number_text(7), number_text(53.253333, exactly=False), number_text(0.1 + 0.2)
    ('1,234.5', '7', '53.25', '0.3')
    """
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}" if abs(value) < 1e16 else plain_number(float(value))
    if exactly:
        return f"{round(value, 9):,}" if 1e-6 < abs(value) < 1e16 else plain_number(value)
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def value_text(contract: Contract | None, name: str, value: Any, *, with_unit: bool = True) -> str:
    """A value of a record's column as people read it; a number of an id or key, or a year, has no separators."""
    if value is None:
        return say("decision.missing")
    if isinstance(value, bool):
        return say("decision.yes" if value else "decision.no")
    feature = None if contract is None else contract.inputs.get(name)
    if isinstance(value, int | float):
        is_name = feature is None or names_a_year(name)
        text = plain_number(float(value)) if is_name and isinstance(value, float) else str(value)
        text = text if is_name else number_text(value, exactly=contract is None or name not in contract.history)
    else:
        text = _text(contract, name, feature, str(value))
    return f"{text} {feature.unit}" if with_unit and feature is not None and feature.unit else text


def _text(contract: Contract | None, name: str, feature: Feature | None, value: str) -> str:
    if contract is not None and name in contract.times and (moment := parse_time(value)) is not None:
        return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    if feature is not None and feature.dtype == "category":
        value = feature.shown_levels.get(value, value)
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def words_for(contract: Contract | None, name: str) -> str:
    """What the contract says that a column is; empty where it says nothing."""
    if contract is None:
        return ""
    columns = (contract.identifier, contract.time)
    own = next((each for each in columns if each is not None and each.name == name), None)
    declared = contract.modelled.get(name) or contract.keys.get(name) or own
    return "" if declared is None else declared.description
