"""Answers that hold a list, however long: their JSON is made in the route's thread, an item at a time."""

from fastapi import Response
from pydantic import BaseModel


def listed_answer(answer: BaseModel, field: str) -> Response:
    """The model as JSON. Between the items of the list in `field`, other threads get their turn."""
    items = [item.model_dump_json().encode() for item in getattr(answer, field)]
    without = answer.model_copy(update={field: []}).model_dump_json().encode()
    head, name, tail = without.partition(b'"%b":[' % field.encode())
    return Response(b"".join([head, name, b",".join(items), tail]), media_type="application/json")
