"""What a scenario did and found."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from drills.crash.callers import Acknowledged, Load
from drills.crash.comparison import Compared, compare, damage, repeated
from drills.crash.service import Service
from support.polling import eventually


@dataclass(frozen=True)
class Verdict:
    """`faults` is empty where everything held.

    `refused` counts answers of 503 to requests without a key, `refused_keys` to those with one, `broken` cut connections.
    """

    kills: int
    sent: int
    acknowledged: int
    refused: int
    refused_keys: int
    broken: int
    keys: int
    compared: Compared
    seconds: float
    faults: list[str]


@dataclass
class Watch:
    """A scenario under way: since when, and what went wrong so far."""

    service: Service
    load: Load
    began: float = field(default_factory=time.monotonic)
    faults: list[str] = field(default_factory=list)

    def keys_answer_as_before(self, newest: int = 0) -> None:
        """Send answered requests with a key again, so many of each caller's newest or all: the same bytes must come."""
        each = [[one for one in caller.acknowledged if one.sent.key] for caller in self.load.callers]
        keyed = [one for answered in each for one in answered[-newest:]]
        answers = repeated(self.service.url, [one.sent for one in keyed])
        self.faults += [
            f"{one.sent.key}: another answer than before"
            for one, answer in zip(keyed, answers, strict=True)
            if answer != one.answer
        ]

    def goes_on(self, requests: int = 20) -> None:
        """Wait until callers are answered again."""
        before = self.load.acknowledged
        eventually(lambda: self.load.acknowledged >= before + requests, "callers are answered", within_seconds=60)

    def require_life(self) -> None:
        """The server's first process must have outlived what was killed."""
        if not self.service.is_alive():
            self.faults.append("the server has ended")

    def require_none_refused(self) -> None:
        """With a journal a request is refused only where it has a key."""
        self.faults += [f"{caller.name}: {caller.refused} refused" for caller in self.load.callers if caller.refused]

    def verdict(self, *, kills: int) -> Verdict:
        """Compare, once the callers rest and the journal is empty. The server must be up."""
        callers, service = self.load.callers, self.service
        eventually(lambda: not service.journal_files("*.journal"), "the journal is drained", within_seconds=60)
        self.keys_answer_as_before()
        pending = [sent for caller in callers for sent in caller.pending.values()]
        late = [Acknowledged(*pair) for pair in zip(pending, repeated(service.url, pending), strict=True)]
        acknowledged = [*self._acknowledged(), *late]
        compared = compare(service.settings, [sent for caller in callers for sent in caller.sent], acknowledged)
        return Verdict(
            kills=kills,
            sent=sum(len(caller.sent) for caller in callers),
            acknowledged=len(acknowledged),
            refused=sum(caller.refused for caller in callers),
            refused_keys=sum(caller.refused_keys for caller in callers),
            broken=sum(caller.broken for caller in callers),
            keys=len({one.sent.key for one in acknowledged} - {None}),
            compared=compared,
            seconds=time.monotonic() - self.began,
            faults=[*self.faults, *compared.faults, *self._other_faults()],
        )

    def _acknowledged(self) -> Sequence[Acknowledged]:
        return [one for caller in self.load.callers for one in caller.acknowledged]

    def _other_faults(self) -> list[str]:
        damaged = [f"{path.name} holds damaged lines" for path in self.service.journal_files("*.damaged")]
        told = [fault for caller in self.load.callers for fault in caller.faults]
        return [*told, *damaged, *([] if self.service.sqlite is None else damage(self.service.sqlite))]
