"""What all connections of a process share: their doors, the time that each may take, and a look at them all."""

import asyncio
import errno
import logging
import os
from typing import NamedTuple, Protocol

from fraud_detection_api.metrics.catalogue import CONNECTIONS, CONNECTIONS_REFUSED
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.routes.wire.doors import Door, DoorLimits
from fraud_detection_api.telemetry import log_event, log_failure

LOOK_SECONDS = 0.25
HEALTH_PORT_LIMITS = DoorLimits(total=64, per_address=32)
NEVER = float("inf")


class Patience(NamedTuple):
    """Seconds that a connection may take for each thing."""

    head: float = 10.0
    """From the first byte of a head to its last one; also from the connection's start to that first byte."""

    body: float = 10.0
    """For the rest of a body that nobody reads."""

    write: float = 20.0
    """In which a caller takes an answer, or `WRITE_BYTES` of it."""

    leave: float = 2.0
    """For the caller to take the answer's last bytes, while what it sends is dropped."""

    idle: float = 75.0
    """Between an answer and the first byte of the next request. Proxies reuse connections that were idle for up to 60."""

    crowded: float = 5.0
    """The same, where the connection takes a place that others may need."""


class Waiting(Protocol):
    """A connection, as the watch sees it. Its deadlines are on the event loop's clock."""

    deadline: float
    write_deadline: float

    def is_in_the_way(self, now: float) -> bool:
        """Whether it waits for another request, and others may need its place."""

    def expire(self, now: float) -> None:
        """Called once a deadline has passed."""


class Watch:
    """The connections of a process. It looks at all of them four times a second, which costs less than a timer for each."""

    def __init__(
        self,
        limits: DoorLimits,
        *,
        tallies: Tallies,
        health_port: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.patience = patience or Patience()
        self._health_port = health_port
        self._door, self._health_door = Door(limits), Door(HEALTH_PORT_LIMITS, health_only=True)
        self._connections: set[Waiting] = set()
        self._exhausted = False
        open_now, refused = tallies.gauge(CONNECTIONS), tallies.counter(CONNECTIONS_REFUSED)
        counted = 0

        def read() -> None:
            nonlocal counted
            doors = (self._door, self._health_door)
            open_now.set(sum(door.open for door in doors))
            now = sum(door.refused for door in doors)
            refused.add(now - counted)
            counted = now

        tallies.read_with(read)

    def door_of(self, port: int | None) -> Door:
        """The door of the listener at that port."""
        return self._health_door if port is not None and port == self._health_port else self._door

    def add(self, connection: Waiting) -> None:
        """Look at this connection from now on."""
        self._connections.add(connection)

    def remove(self, connection: Waiting) -> None:
        """Look at it no more."""
        self._connections.discard(connection)

    async def keep(self) -> None:
        """Look, until this is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look(loop.time())
            self._look_at_descriptors()

    def look(self, now: float) -> None:
        """End what has waited too long."""
        late = [
            each
            for each in self._connections
            if each.deadline <= now or each.write_deadline <= now or each.is_in_the_way(now)
        ]
        for connection in late:
            try:
                connection.expire(now)
            except Exception as error:  # noqa: BLE001 one connection that cannot be ended must not keep the others
                connection.deadline = connection.write_deadline = NEVER
                log_failure("connection_not_ended", error)

    def _look_at_descriptors(self) -> None:
        """Log once that descriptors have run out: libuv then closes new connections, and says nothing."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
            exhausted = False
        except OSError as error:
            exhausted = error.errno in (errno.EMFILE, errno.ENFILE)
        if exhausted and not self._exhausted:
            log_event("descriptors_exhausted", level=logging.ERROR)
        elif self._exhausted and not exhausted:
            log_event("descriptors_available")
        self._exhausted = exhausted
