"""How many connections a process has: in all, from one address, and a reserve for those that ask after its health."""

import ipaddress
import logging
from collections import Counter
from enum import Enum
from typing import NamedTuple

from fraud_detection_api.telemetry import log_event

HEALTH_RESERVE = 32
"""Connections beyond the limits of which each may ask for a health route, and gets 503 for any other."""

LINGERING = 64
"""Refused connections that stay open until the caller has its answer. Beyond that many, they are closed at once."""

QUIET_SECONDS = 10.0
"""After so long without a refusal, the next one is logged again."""

IPV6_NETWORK = 64
"""Bits of an IPv6 address that one host may not choose at will."""


CROWDED = 0.75
"""From this share of its connections on, a door has none to spare for callers who may send another request."""


class Admission(Enum):
    """What becomes of a new connection."""

    OPEN = "open"
    HEALTH_ONLY = "health_only"
    REFUSED = "refused"


class DoorLimits(NamedTuple):
    """Connections in all, from one address, and beyond these for health routes; refused ones that linger."""

    total: int
    per_address: int
    reserve: int = 0
    lingering: int = 0


class Door:
    """Counts the connections of a listener, and admits new ones. With `health_only`, other routes do not exist here."""

    def __init__(self, limits: DoorLimits, *, health_only: bool = False) -> None:
        self._limits, self.health_only = limits, health_only
        self._of_address: Counter[str] = Counter()
        self._quiet_from = 0.0
        self.open = self.refused = self._lingering = 0

    def admit(self, address: str, now: float) -> Admission:
        """Count a connection unless it is refused. Logs the first refusal of many."""
        total, per_address, reserve, _ = self._limits
        of_address = self._of_address[address]
        if self.open < total and of_address < per_address:
            admission = Admission.OPEN
        elif self.open < total + reserve and of_address < per_address + reserve // 2:
            admission = Admission.HEALTH_ONLY
        else:
            admission = Admission.REFUSED
        if admission is not Admission.OPEN:
            self._refuse(now, "all" if self.open >= total else "address")
        if admission is not Admission.REFUSED:
            self.open += 1
            self._of_address[address] = of_address + 1
        return admission

    def is_crowded(self, address: str) -> bool:
        """Whether few more connections are admitted, from anybody or from this address."""
        total, per_address, *_ = self._limits
        return self.open >= CROWDED * total or self._of_address[address] >= CROWDED * per_address

    def leave(self, address: str) -> None:
        """An admitted connection is gone."""
        self.open -= 1
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def let_linger(self) -> bool:
        """Whether a refused connection may stay until its caller has the answer; if so, it counts until `lingered`."""
        may = self._lingering < self._limits.lingering
        self._lingering += may
        return may

    def lingered(self) -> None:
        """A refused connection that lingered is gone."""
        self._lingering -= 1

    def _refuse(self, now: float, limit: str) -> None:
        if now >= self._quiet_from:
            log_event("connections_refused", level=logging.WARNING, limit=limit, open=self.open)
        self._quiet_from = now + QUIET_SECONDS
        self.refused += 1


def counted_as(host: str) -> str:
    """The address that a caller's connections are counted by: of IPv6, the network that a host may have to itself.

    >>> counted_as("192.0.2.7"), counted_as("2001:db8:1:2:3:4:5:6")
    ('192.0.2.7', '2001:db8:1:2::')
    """
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), IPV6_NETWORK), strict=False).network_address)
