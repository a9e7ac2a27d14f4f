"""The form of costs and capacity: each has a number, and a slider over a tenth to ten times of what is in force.

A page without a script cannot keep the two alike. So each field of the form comes with the number that the page showed: a
number that was typed counts, else a slider that was moved, else what was there.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from fraud_detection_api.policy.outcomes import FILE_KEYS, LARGEST, OPTIONAL, Policy

MIDDLE, LAST = 50, 100
_DIGITS = 3

NAMES = tuple(FILE_KEYS)
"""What people set, in the order of the form."""


class Knob(NamedTuple):
    """A field of the form: `shown` is its number, empty where none is stated, and `slider` from 0 to 100."""

    name: str
    shown: str
    slider: int


def knobs(terms: Policy, in_force: Policy) -> tuple[Knob, ...]:
    """The fields for these terms, with sliders around those in force."""
    return tuple(
        Knob(name, shown(getattr(terms, name)), position(getattr(terms, name), centre(name, in_force)))
        for name in NAMES
    )


def shown(number: float | None) -> str:
    """A number as a field has it.

    >>> shown(1000.0), shown(0.9), shown(None)
    ('1000', '0.9', '')
    """
    return "" if number is None else f"{number:.15g}"


def centre(name: str, in_force: Policy) -> float:
    """What the middle of a slider stands for: what is in force, or something usual where that is nothing."""
    return float(getattr(in_force, name) or _USUAL[name])


_USUAL = {**Policy().as_json(), "reviews_a_day": 100.0, "records_a_day": 1000.0}


def position(number: float | None, middle: float) -> int:
    """Where the slider of a number is.

    >>> position(50.0, 50.0), position(500.0, 50.0), position(0.0, 50.0), position(None, 50.0)
    (50, 100, 0, 50)
    """
    if number is None:
        return MIDDLE
    if number <= 0:
        return 0
    return min(max(round(MIDDLE + MIDDLE * math.log10(number / middle)), 0), LAST)


def number_at(slider: int, middle: float) -> float:
    """What a slider stands for, to three digits.

    >>> number_at(100, 50.0), number_at(75, 50.0)
    (500.0, 158.0)
    """
    return float(f"{middle * 10 ** ((slider - MIDDLE) / MIDDLE):.{_DIGITS}g}")


def is_form(query: Mapping[str, str]) -> bool:
    """Whether the query is the form's, with its sliders, and not an address that people pass on."""
    return any(f"{name}_slider" in query for name in NAMES)


def settled(query: Mapping[str, str], in_force: Policy) -> dict[str, str]:
    """The form's numbers, after its sliders; without those that are as in force."""
    texts = {name: _settled(name, query, centre(name, in_force)) for name in NAMES}
    return {name: text for name, text in texts.items() if text != shown(getattr(in_force, name))}


def _settled(name: str, query: Mapping[str, str], middle: float) -> str:
    typed, was = query.get(name, "").strip(), query.get(f"{name}_was", "")
    if typed != was:
        return typed
    try:
        slider = int(query.get(f"{name}_slider", ""))
        before = position(float(was) if was else None, middle)
    except ValueError:
        return typed
    if slider == before or not 0 <= slider <= LAST:
        return typed
    return shown(number_at(slider, middle))


def terms_of(query: Mapping[str, str], in_force: Policy) -> Policy | None:
    """The policy in force with the numbers of an address, not yet priced; None where nothing differs.

    A number that may be left out is left out by an empty text. Raises ValueError, in words, for what is no number.
    """
    changed: dict[str, Any] = {name: _number(name, query[name]) for name in NAMES if name in query}
    terms = replace(in_force, review_price=0.0, **changed)
    return None if terms == replace(in_force, review_price=0.0) else terms


def _number(name: str, text: str) -> float | None:
    if not text.strip() and name in OPTIONAL:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{name} must be a number from 0 to {LARGEST:g}")
    return number
