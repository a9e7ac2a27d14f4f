"""A lane answers plain requests without the application: no scope, no task, no messages."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from fraud_detection_api.routes.wire.reading import Head

LANES = "lanes"
"""The name under which the application's lifespan hands its lanes to the server."""


class Road(Protocol):
    """What a guest needs of its connection."""

    def write(self, data: bytes) -> None:
        """Write, unless the connection is gone."""

    def server_lines(self) -> bytes:
        """The header lines that the server adds to each answer."""

    def answered(self, exchange: "Guest") -> None:
        """The answer is written, to its end."""


class Guest:
    """A request in a lane; for its connection it stands in the place of an exchange."""

    __slots__ = ("_road", "gone", "keep_alive")

    def __init__(self, road: Road) -> None:
        self._road, self.gone, self.keep_alive = road, False, True

    def leave(self) -> None:
        """The caller has gone."""
        self.gone = True

    def wake(self) -> None:
        """More bytes came; they wait for the answer."""

    def answer(self, status_line: bytes, lines: bytes, body: bytes, *, close: bool = False) -> None:
        """Write the whole answer: a status line and header `lines`, each with its line end, and the body."""
        if self.gone:
            return
        road, own = self._road, self._road.server_lines()
        if close or not self.keep_alive:
            self.keep_alive, own = False, own + b"connection: close\r\n"
        road.write(b"%b%b%bcontent-length: %d\r\n\r\n%b" % (status_line, own, lines, len(body), body))
        road.answered(self)


class Lane(Protocol):
    """Answers requests of one path."""

    def take(self, head: Head, body: bytes, road: Road) -> Guest | None:
        """Take a POST request that has come whole, and answer it on the `road`, but not before this returns.

        None for a request that the application must answer. Raises nothing.
        """


Lanes = Mapping[str, Lane]
"""Lanes by path."""


def field_lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header fields as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])
