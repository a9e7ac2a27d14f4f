"""Waiting for what another thread or process does, without guessing how long it takes."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(
    look: Callable[[], Found], what: str, *, within_seconds: float = 20, every_seconds: float = 0.01
) -> Found:
    """The first truthy result of `look`; fails, naming `what`, where none comes in time."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every_seconds)
    raise AssertionError(f"not within {within_seconds:g} s: {what}")


async def eventually_async(look: Callable[[], Found], what: str, *, within_seconds: float = 20) -> Found:
    """The same, in an event loop that goes on meanwhile."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {within_seconds:g} s: {what}")
