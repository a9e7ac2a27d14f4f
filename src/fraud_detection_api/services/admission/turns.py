"""Work waits here for its turn: a few pieces at a time, and callers in proportion to their weights."""

import asyncio
from collections import deque
from dataclasses import dataclass

from fraud_detection_api.services.admission.callers import Caller
from fraud_detection_api.services.admission.shares import Shares


@dataclass(eq=False, slots=True)
class Turn:
    """A piece of work; it begins at `begins` in virtual time. `called` is done when it may begin."""

    caller: Caller
    begins: float
    called: "asyncio.Future[None]"
    is_at_work: bool = False


class Turns:
    """Start-time fair queueing (Goyal, Vin and Cheng, 1996) of work that takes the whole of one thread, or of `at_once`.

    Each piece of work has a begin in virtual time: the end of its caller's previous one, or now. The earliest is next. An
    end is the begin plus the cost, divided by the caller's weight. So callers with much to do alternate, and one that comes
    seldom waits for what is at work, not for what others have queued.

    At most `unfinished` answers are being stored and sent at a time: a caller who does not read its answers waits with them.
    For one event loop.
    """

    def __init__(self, *, unfinished: int, at_once: int = 1) -> None:
        self._unfinished, self._free = Shares(unfinished), at_once
        self._waiting: dict[str, deque[Turn]] = {}
        self._ends: dict[str, float] = {}
        self._now = 0.0

    def join(self, caller: Caller, cost: float) -> Turn:
        """Queue up. Every turn ends with `leave` or `finished`."""
        begins = max(self._now, self._ends.get(caller.identity, 0.0))
        self._ends[caller.identity] = begins + cost / caller.limits.weight
        turn = Turn(caller, begins, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(caller.identity, deque()).append(turn)
        self._call_next()
        return turn

    def leave(self, turn: Turn) -> None:
        """Give up a turn whose work has not begun."""
        if turn.is_at_work:
            self.finished(turn)
            return
        queue = self._waiting[turn.caller.identity]
        queue.remove(turn)
        if not queue:
            del self._waiting[turn.caller.identity]

    def worked(self, turn: Turn) -> None:
        """The work of the turn is done; the next may begin."""
        if turn.is_at_work:
            turn.is_at_work = False
            self._free += 1
            self._call_next()

    def finished(self, turn: Turn) -> None:
        """The answer of a turn is sent, or there will be none."""
        self._unfinished.give_back(turn.caller)
        self.worked(turn)
        self._call_next()

    def _call_next(self) -> None:
        ready = [queue for queue in self._waiting.values() if self._unfinished.fits(queue[0].caller)]
        if not self._free or not ready:
            return
        turn = min(ready, key=lambda queue: queue[0].begins)[0]
        self._unfinished.take(turn.caller)
        self.leave(turn)
        turn.is_at_work = True
        self._free -= 1
        self._now = turn.begins
        if not turn.called.cancelled():
            turn.called.set_result(None)
