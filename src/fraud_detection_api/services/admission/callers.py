"""Who calls: the holder of a key, and the limits that the keys file gives to a name."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["score", "analyst", "monitor", "auditor", "admin"]
"""What a key may do. An `auditor` reads everything and changes nothing; an `admin` may do everything."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a name, in each process. `weight` is its part of large work; None stands for no limit."""

    weight: float = 1.0
    in_flight: int | None = None
    requests_per_second: float | None = None
    records_per_second: float | None = None

    @property
    def has_rates(self) -> bool:
        """Whether there is a limit of requests or records a second."""
        return self.requests_per_second is not None or self.records_per_second is not None


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key.

    `identity` is the key's name, or its digest where it has none: idempotency keys, shares and rates belong to it. `digest`
    is the key's own. `has_rivals` says whether others have keys too, so that places must be left for them.
    """

    identity: str
    role: Role
    digest: str
    limits: Limits = Limits()
    has_rivals: bool = False

    @property
    def is_named(self) -> bool:
        """Whether the key has a name."""
        return self.identity != self.digest

    @property
    def label(self) -> str:
        """How the registry's history names the caller: its role, and its name or the beginning of its digest."""
        if not self.identity:
            return "anybody (no keys are set)"
        return f"{self.role} {self.identity if self.is_named else self.digest[:8]}"

    @property
    def reviewer(self) -> str | None:
        """How a label names the caller: the key's name, or the label of a key without one; None without keys."""
        return self.identity if self.is_named else self.label if self.identity else None


ANYBODY = Caller("", "admin", "")
"""The caller where no keys are set."""
