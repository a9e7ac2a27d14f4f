"""What a request must get before it is worked on: memory for its body, a place, and a turn if it is large."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fraud_detection_api.errors import CallerGone, DeadlinePassed, FraudError, Overloaded
from fraud_detection_api.services.admission.callers import Caller
from fraud_detection_api.services.admission.shares import Shares
from fraud_detection_api.services.admission.turns import Turn, Turns

UNFINISHED = 8
"""Large answers that are stored and sent at a time. One takes some 30 MB, so more would not fit into a pod."""

HangUp = Callable[[], Coroutine[Any, Any, None]]
"""Waits until the caller has closed the connection."""


class Entrance:
    """Admits work of one kind. For one event loop.

    `bodies` is the memory for bodies of all kinds. `of_names` counts the requests of all kinds that names have in
    progress. At most half of the requests in progress are large, so that they never keep small ones out.
    """

    def __init__(self, bodies: Shares, of_names: Counter[str], *, max_in_flight: int, at_once: int = 1) -> None:
        self.bodies = bodies
        self.places, self._large = Shares(max_in_flight, of_names), Shares(max(1, max_in_flight // 2))
        self.turns = Turns(unfinished=UNFINISHED, at_once=at_once)

    @property
    def in_progress(self) -> int:
        """How many requests are in progress, those that wait for their turn included."""
        return self.places.in_use

    @asynccontextmanager
    async def turn(
        self,
        caller: Caller,
        cost: float,
        hang_up: HangUp | None,
        *,
        seconds: float | None = None,
        late: Callable[[], FraudError] = DeadlinePassed,
    ) -> AsyncIterator[Turn]:
        """The caller's place and turn while the block runs, which calls `turns.worked` once the thread is free for others.

        Raises Overloaded where too many wait, CallerGone where `hang_up` ends before the turn comes, and `late` where it
        does not come within `seconds`.
        """
        self._large.take(caller)
        try:
            self.places.take(caller)
        except Overloaded:
            self._large.give_back(caller)
            raise
        try:
            turn = self.turns.join(caller, cost)
            try:
                await _called(turn, hang_up, seconds, late)
            except BaseException:
                self.turns.leave(turn)
                raise
            try:
                yield turn
            finally:
                self.turns.finished(turn)
        finally:
            self.places.give_back(caller)
            self._large.give_back(caller)


async def _called(turn: Turn, hang_up: HangUp | None, seconds: float | None, late: Callable[[], FraudError]) -> None:
    hung_up = None if hang_up is None or turn.called.done() else asyncio.create_task(hang_up())
    try:
        awaited = {turn.called} | ({hung_up} if hung_up is not None else set())
        await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if hung_up is not None and hung_up.done():
            raise CallerGone
        if not turn.called.done():
            raise late()
    finally:
        if hung_up is not None:
            hung_up.cancel()
