"""A limited resource that many callers use at a time: no caller takes what the others need."""

from collections import Counter

from fraud_detection_api.errors import Overloaded
from fraud_detection_api.services.admission.callers import ANYBODY, Caller

RETRY_AFTER_SECONDS = 1


class Shares:
    """At most `limit` units in use at a time. For one event loop.

    Where there are rivals, a caller may hold as much as it leaves free. Alone at work it gets half, beside one other a third
    each, so a caller that just begins always finds room, and nobody has to say how many there will be. (This is the dynamic
    threshold of Choudhury and Hahne, 1998, for buffers of switches.) A caller without rivals may use everything.

    Places for requests in progress are of several kinds. `of_names` counts in all of them what names with `in_flight` have.
    """

    def __init__(self, limit: int, of_names: Counter[str] | None = None) -> None:
        self.limit, self._of_names = limit, of_names
        self.in_use = 0
        self._held: dict[str, int] = {}

    def fits(self, caller: Caller, amount: int = 1) -> bool:
        """Whether the caller may take so much now. One that holds nothing may take whatever is free."""
        held, free = self._held.get(caller.identity, 0), self.limit - self.in_use - amount
        return free >= (held + amount if held and caller.has_rivals else 0)

    def take(self, caller: Caller, amount: int = 1) -> None:
        """Take so much. Raises Overloaded."""
        if caller is ANYBODY and self.in_use + amount <= self.limit:  # without keys, there is nobody to tell apart
            self.in_use += amount
            return
        of_names, at_most = self._of_names, caller.limits.in_flight
        if of_names is not None and at_most is not None:
            if of_names[caller.identity] + amount > at_most or not self.fits(caller, amount):
                raise Overloaded(RETRY_AFTER_SECONDS)
            of_names[caller.identity] += amount
        elif not self.fits(caller, amount):
            raise Overloaded(RETRY_AFTER_SECONDS)
        self.in_use += amount
        self._held[caller.identity] = self._held.get(caller.identity, 0) + amount

    def give_back(self, caller: Caller, amount: int = 1) -> None:
        """Give back what was taken."""
        self.in_use -= amount
        if caller is ANYBODY:
            return
        if self._of_names is not None and caller.limits.in_flight is not None:
            self._of_names[caller.identity] -= amount
        held = self._held[caller.identity] - amount
        if held:
            self._held[caller.identity] = held
        else:
            del self._held[caller.identity]  # or every key that ever called would stay here
