"""The keys of a request's JSON objects: those that occur twice, and more unknown ones than an answer lists."""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.schemas.problem import json_pointer

KnownKeys = tuple[Any, Collection[str]]
"""A value of a request, and the keys that it may have if it is an object."""


class RepeatedKeys(dict[str, Any]):
    """A JSON object in which keys occur more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._names = [key for key, _ in pairs]
        self.surplus = len(pairs) - len(self)

    @property
    def repeated(self) -> list[str]:
        """Those keys."""
        return [key for key, count in Counter(self._names).items() if count > 1]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A plain dict where it says all: a body may have tens of thousands of objects."""
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else RepeatedKeys(pairs)


def parsed_json(body: bytes) -> Any:
    """The body as Python reads it, with RepeatedKeys for some of its objects; None where it cannot be read."""
    try:
        return json.loads(
            body, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_number
        )
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> float:
    """A function of Python's, so that other threads get their turn: a body may have a million numbers."""
    return float(text)


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads, and than any field takes
        return math.inf


_WINDOW_BYTES = 32 * 1024


MOST_CONTAINERS = 100_000
"""Arrays and objects in a body, where the limit of items permits no more. A parser holds up all requests over them."""


def is_all_containers(body: bytes, limit: int) -> bool:
    """Whether a body has so many arrays and objects that it cannot be a request of `limit` items, whatever else it is."""
    return has_more_containers(body, max(2 * limit + 2, MOST_CONTAINERS))


def has_more_containers(body: bytes, most: int) -> bool:
    """Whether a body has more than `most` arrays and objects outside of its texts. It is not parsed for that.

    A parser holds Python's lock until it has read a whole body, which takes a second where it is all brackets. Here other
    threads get a turn after each window.
    """
    if body.count(b"{") + body.count(b"[") <= most:
        return False
    found, start, in_text = 0, 0, False
    while start < len(body) and found <= most:
        window = body[start : start + _WINDOW_BYTES]
        if (len(window) - len(window.rstrip(b"\\"))) % 2:  # half of an escape
            window = body[start : start + _WINDOW_BYTES + 1]
        parts = window.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[in_text::2])
        found += outside.count(b"{") + outside.count(b"[")
        in_text ^= len(parts) % 2 == 0
        start += len(window)
    return found > most


def array_length(body: bytes, path: tuple[str, ...]) -> int:
    """The length of the array at `path`, 0 where there is none. Cheaper than `parsed_json`, which looks at every key."""
    try:
        return len(array_in(json.loads(body, parse_int=float), path))
    except (ValueError, RecursionError):
        return 0


def array_in(parsed: Any, path: tuple[str, ...]) -> list[Any]:
    """The array at `path`, which is empty for the whole body; an empty list where there is no array."""
    try:
        for name in path:
            parsed = parsed[name]
    except (TypeError, LookupError):
        return []
    return parsed if isinstance(parsed, list) else []


def part_of(parsed: Any, path: tuple[str, ...], start: int, count: int) -> Any:
    """The body with so many items of the array at `path`, from `start` on; what is beside it is in the first part alone."""
    items = array_in(parsed, path)
    if not items:
        return parsed
    part = items[start : start + count]
    return ({**parsed, path[0]: part} if not start else {path[0]: part}) if path else part


def objects_in(
    parsed: Any, path: tuple[str, ...], *, of_request: Collection[str], of_item: Collection[str]
) -> list[KnownKeys]:
    """The items of the array at `path` with the keys of an item, after the request itself where the array is within it."""
    request = [(parsed, of_request)] if path else []
    return [*request, *((item, of_item) for item in array_in(parsed, path))]


def has_other_keys(objects: Iterable[KnownKeys]) -> bool:
    """Whether any object has a key that is unknown, or that occurred twice."""
    return any(isinstance(each, RepeatedKeys) or not each.keys() <= set(known) for each, known in objects)


def drop_needless_keys(objects: Iterable[KnownKeys], *, most: int) -> bool:
    """Remove all unknown keys but the first `most`; whether any was removed."""
    left, dropped = most, False
    for each, known in objects:
        unknown = [key for key in each if key not in known] if isinstance(each, dict) else []
        for key in unknown[left:]:
            del each[key]
            dropped = True
        left = max(0, left - len(unknown))
    return dropped


def repeat_more(objects: Iterable[KnownKeys], most: int) -> bool:
    """Whether keys were repeated more than `most` times: pydantic lists an error for each."""
    return sum(each.surplus for each, _ in objects if isinstance(each, RepeatedKeys)) > most


def emptied(parsed: Any, path: tuple[str, ...], of_item: Collection[str]) -> Any:
    """The body without what is nested where nothing may be: pydantic copies all of it into each error.

    What is wrong stays wrong, in the same way. Unknown keys of items become null. The body is changed.
    """
    items = array_in(parsed, path)
    for index, item in enumerate(items):
        if isinstance(item, list):
            items[index] = []
        for key, content in item.items() if isinstance(item, dict) else ():
            item[key] = _emptied(content) if key in of_item else None
    if not path or not isinstance(parsed, dict):
        return items if items is parsed else _emptied(parsed)
    for key, content in parsed.items():
        if content is not items:
            parsed[key] = _emptied(content)
    return parsed


def _emptied(content: Any) -> Any:
    return type(content)() if isinstance(content, list) else {} if isinstance(content, dict) else content


def duplicate_keys(parsed: Any, array: str) -> Iterator[FieldProblem]:
    """Keys that occur twice in the request or in an item of its `array`: two JSON readers could read two records."""
    yield from _repeated((), parsed, "request")
    inside = parsed.get(array) if isinstance(parsed, dict) else parsed
    path = (array,) if isinstance(parsed, dict) else ()
    for index, item in enumerate(inside if isinstance(inside, list) else []):
        yield from _repeated((*path, index), item, array.removesuffix("s"))


def _repeated(location: tuple[int | str, ...], parsed: Any, whose: str) -> Iterator[FieldProblem]:
    for key in parsed.repeated if isinstance(parsed, RepeatedKeys) else ():
        yield FieldProblem(json_pointer([*location, key]), f"occurs more than once in the {whose}")
