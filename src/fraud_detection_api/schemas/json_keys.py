"""The keys of a request's JSON objects: those that occur twice, and more unknown ones than anybody is told of."""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from fraud_detection_api.errors import FieldProblem
from fraud_detection_api.schemas.problem import json_pointer


class Keys(dict[str, Any]):
    """A JSON object that remembers which of its keys occurred more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: list[str] = []
        if len(self) != len(pairs):
            self.repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]


def parsed_json(body: bytes) -> Any:
    """The body as Python reads it, its objects as Keys; None where it cannot be read."""
    try:
        return json.loads(body, object_pairs_hook=Keys, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def array_length(body: bytes, at: tuple[str, ...]) -> int:
    """How many items the array at that place has, 0 where there is none; cheaper than to look at the keys of each."""
    try:
        return len(array_in(json.loads(body, parse_int=float), at))
    except (ValueError, RecursionError):
        return 0


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads, and than any field takes
        return math.inf


def array_in(parsed: Any, at: tuple[str, ...]) -> list[Any]:
    """The array at that place, the whole of it for none; empty where there is no array."""
    try:
        for name in at:
            parsed = parsed[name]
    except (TypeError, LookupError):
        return []
    return parsed if isinstance(parsed, list) else []


def dropped_needless_keys(objects: Iterable[tuple[Any, Collection[str]]], *, most: int) -> bool:
    """Take unknown keys out of the objects, each given with its known ones, but for the first `most`; whether any was."""
    left, dropped = most, False
    for each, known in objects:
        unknown = [key for key in each if key not in known] if isinstance(each, dict) else []
        for key in unknown[left:]:
            del each[key]
            dropped = True
        left = max(0, left - len(unknown))
    return dropped


def empty_fields(items: Iterable[Any], known: Collection[str]) -> None:
    """Take out of objects what tells nothing of their faults: what unknown keys hold, and arrays and objects in known ones.

    Pydantic copies an object with all that is in it for each field that is missing.
    """
    for each in items:
        for key, content in each.items() if isinstance(each, dict) else ():
            if key not in known:
                each[key] = None
            elif isinstance(content, dict | list):
                each[key] = {} if isinstance(content, dict) else []


def duplicate_keys(parsed: Any, array: str) -> Iterator[FieldProblem]:
    """Keys that occur twice in one object: the request, or an item of its `array`, which may be the request itself.

    JSON readers keep the last one silently; two callers could read two records.
    """
    yield from _repeated((), parsed, "request")
    inside = parsed.get(array) if isinstance(parsed, Keys) else parsed
    at = (array,) if isinstance(parsed, Keys) else ()
    for index, item in enumerate(inside if isinstance(inside, list) else []):
        yield from _repeated((*at, index), item, array.removesuffix("s"))


def _repeated(location: tuple[int | str, ...], parsed: Any, whose: str) -> Iterator[FieldProblem]:
    for key in parsed.repeated if isinstance(parsed, Keys) else ():
        yield FieldProblem(json_pointer([*location, key]), f"occurs more than once in the {whose}")
