"""A lane answers plain requests without the application: no scope, no task, no messages."""

from collections.abc import Mapping
from typing import Protocol

from fraud_detection_api.routes.wire.reading import Head, RequestReader

LANES = "lanes"
"""The name under which the application's lifespan hands its lanes to the server."""


class Road(Protocol):
    """What a guest needs of its connection."""

    reader: RequestReader

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
        self._road = road
        self.gone, self.keep_alive = False, True

    def leave(self) -> None:
        """The caller has gone."""
        self.gone = True

    def wake(self) -> None:
        """More bytes came; they wait for the answer."""

    def answer(self, status_line: bytes, lines: bytes, body: bytes, *, close: bool = False) -> None:
        """Write the whole answer: header `lines` of a status line, each with its line end, and the body."""
        if self.gone:
            return
        road = self._road
        self.keep_alive &= not close
        own = road.server_lines() if self.keep_alive else road.server_lines() + b"connection: close\r\n"
        road.reader.drop_body()
        road.write(b"%b%b%bcontent-length: %d\r\n\r\n%b" % (status_line, own, lines, len(body), body))
        road.answered(self)


class Lane(Protocol):
    """Answers requests of one path."""

    def take(self, head: Head, body: bytes, guest: Guest) -> bool:
        """Whether it takes a POST request that has come whole. It then calls `guest.answer`, once.

        What it does not take, the application answers. Raises nothing.
        """


Lanes = Mapping[str, Lane]
"""Lanes by path."""
