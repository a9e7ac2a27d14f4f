"""What pydantic finds wrong with a body of many items, for no more work than an answer has room for."""

import json
from collections.abc import Collection
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from fraud_detection_api.schemas.problem import MAX_PROBLEMS
from fraud_detection_api.schemas.records import json_keys

ITEMS_A_PART = 100
"""Items that are validated together once a body is known to be bad: pydantic makes an error of every missing field, and no
answer lists more than MAX_PROBLEMS."""


def errors_by_part(
    adapter: TypeAdapter[Any],
    parsed: Any,
    path: tuple[str, ...],
    *,
    of_request: Collection[str],
    of_item: Collection[str],
) -> list[ErrorDetails]:
    """Every error of a body, or at least one more than an answer lists. Parts of the items at `path` are validated in turn.

    `parsed` is the body as `parsed_json` reads it. It is changed.
    """
    depth = len(path)
    found: list[ErrorDetails] = []
    beside: list[ErrorDetails] = []
    for start in range(0, max(1, len(json_keys.array_in(parsed, path))), ITEMS_A_PART):
        part = json_keys.part_of(parsed, path, start, ITEMS_A_PART)
        objects = json_keys.objects_in(part, path, of_request=of_request, of_item=of_item)
        json_keys.drop_needless_keys(objects, most=MAX_PROBLEMS + 1 - len(found))
        for each in errors_of(adapter, json.dumps(json_keys.emptied(part, path, of_item)).encode()):
            location = each["loc"]
            if len(location) > depth and location[:depth] == path:
                each["loc"] = (*path, int(location[depth]) + start, *location[depth + 1 :])
                found.append(each)
            elif not start:
                beside.append(each)
        if len(found) > MAX_PROBLEMS:
            break
    return found + beside


def errors_of(adapter: TypeAdapter[Any], body: bytes) -> list[ErrorDetails]:
    """The errors of a body."""
    try:
        adapter.validate_json(body)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []
