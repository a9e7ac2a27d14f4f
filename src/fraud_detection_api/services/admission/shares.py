"""A limited resource that many callers use at a time: no caller takes what the others need."""

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.services.admission.callers import ANYBODY, Caller

RETRY_AFTER_SECONDS = 1


class Shares:
    """At most `limit` units in use at a time. For one event loop.

    Where there are rivals, a caller may hold as much as it leaves free. Alone at work it gets half, beside one other a third
    each, so a caller that just begins always finds room, and nobody has to say how many there will be. (This is the dynamic
    threshold of Choudhury and Hahne, 1998, for buffers of switches.) A caller without rivals may use everything.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_use = 0
        self._held: dict[str, int] = {}

    def fits(self, caller: Caller, amount: int = 1) -> bool:
        """Whether the caller may take so much now. One that holds nothing may take whatever is free."""
        held, free = self._held.get(caller.identity, 0), self.limit - self.in_use - amount
        return free >= (held + amount if held and caller.has_rivals else 0)

    def take(self, caller: Caller, amount: int = 1, *, at_most: int | None = None) -> None:
        """Take so much, and never hold more than `at_most`. Raises Overloaded."""
        if caller is ANYBODY and self.in_use + amount <= self.limit:  # without keys, there is nobody to tell apart
            self.in_use += amount
            return
        held = self._held.get(caller.identity, 0) + amount
        if (at_most is not None and held > at_most) or not self.fits(caller, amount):
            raise Overloaded(RETRY_AFTER_SECONDS)
        self.in_use += amount
        self._held[caller.identity] = held

    def give_back(self, caller: Caller, amount: int = 1) -> None:
        """Give back what was taken."""
        self.in_use -= amount
        if caller is ANYBODY:
            return
        held = self._held[caller.identity] - amount
        if held:
            self._held[caller.identity] = held
        else:
            del self._held[caller.identity]  # or every key that ever called would stay here
