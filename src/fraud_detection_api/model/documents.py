"""JSON documents of bundles and registries, read strictly: reading any content ends in an object or a ValueError."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

DEEPEST = 32
"""Levels of objects and arrays. A bundle's documents have 5; what is printed or compared later recurses into each."""


def json_object(content: bytes | str) -> dict[str, Any]:
    """The object that a JSON document holds.

    Raises ValueError for all else: other types, NaN and infinity, repeated keys, more than DEEPEST levels, invalid UTF-8.
    """
    try:
        document = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_unrepeated)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 the content is wrong, not the caller
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = list(_below(level))
    if level:
        raise ValueError("nested too deeply")
    return document


def _below(level: list[Any]) -> Iterator[Any]:
    for node in level:
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, dict | list):
                yield child


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is repeated")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
