"""What a value must be, in words that continue a field's name: one text for each kind of pydantic's errors."""

from collections.abc import Iterable, Mapping
from typing import Any

STORABLE = r"^[^\x00]*$"
"""The texts that every store takes: PostgreSQL refuses NUL. No lone surrogate gets this far, because it is not UTF-8."""

_NUMBER, _BOOLEAN, _INTEGER = "must be a number", "must be true or false", "must be an integer"
_TEXTS = {
    "missing": "is required",
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_from_float": "must be an integer, without a fraction",
    "int_parsing_size": "has too many digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_unicode": "must be valid Unicode",
    "missing_marker": "is what files write for a missing value; send null",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be an array",
}

MOST_LEVELS_NAMED = 32

_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be more than"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be less than"),
}


def plain_number(number: float) -> str:
    """A number as people write it.

    >>> plain_number(1e12), plain_number(0.5), plain_number(-2**53)
    ('1000000000000', '0.5', '-9007199254740992')
    """
    exact = isinstance(number, int) or (number.is_integer() and abs(number) < 1e16)
    return str(int(number)) if exact else repr(number)


def one_of(levels: Iterable[str]) -> str:
    """What a level must be, naming MOST_LEVELS_NAMED of those that its contract allows.

    >>> one_of({"web", "branch"})
    "one of 'branch', 'web'"
    """
    names = [repr(level) for level in sorted(levels)]
    more = len(names) - MOST_LEVELS_NAMED
    return f"one of {', '.join(names[:MOST_LEVELS_NAMED])}{f' and {more:,} more' if more > 0 else ''}"


def field_text(detail: Mapping[str, Any], *, otherwise: str | None = None) -> str:
    """What the field of pydantic's `detail` must be. For a kind without a text: `otherwise`, else pydantic's message.

    >>> field_text({"type": "greater_than_equal", "ctx": {"ge": 1}})
    'must be at least 1'
    """
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        return f"{text} {plain_number(context[name])}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "string_too_long":
        return f"must be at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch" and context["pattern"] == STORABLE:
        return "must not hold the character U+0000"
    if kind.startswith("datetime"):
        return "must be an ISO 8601 time, such as 2026-11-22T10:00:00Z"
    message: str = detail.get("msg", "")
    return _TEXTS.get(kind, message[:1].lower() + message[1:] if otherwise is None else otherwise)
