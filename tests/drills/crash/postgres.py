"""PostgreSQL, to be killed in several ways."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from support.polling import eventually
from support.postgres_servers import RunningPostgres, start_postgres, stop_postgres

_CONNECTIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'fraud-detection-api'"


class Postgres:
    """A server of the test's own."""

    def __init__(self, server: RunningPostgres) -> None:
        self._server, self._ended = server, False
        self.url = server.url()

    def kill(self, draw: random.Random) -> None:
        """End it as is drawn: an immediate stop, SIGKILL to the first process, or to the one behind a connection."""
        way = draw.choice([signal.SIGQUIT, signal.SIGKILL, None])
        if way is None and (behind := [pid for (pid,) in self._rows(_CONNECTIONS)]):
            os.kill(draw.choice(behind), signal.SIGKILL)  # the server then ends all others, and recovers
        else:
            self._server.kill(way or signal.SIGQUIT)
            self._ended = True

    def start(self) -> None:
        """Until it takes connections again."""
        eventually(self._is_back, "PostgreSQL takes connections", within_seconds=60, every_seconds=0.05)

    def _is_back(self) -> bool:
        try:
            if self._ended:
                self._server.restart()
                self._ended = False
            self._rows("SELECT 1")
        except (AssertionError, psycopg.OperationalError):  # what the killed one left is in the way, or it recovers
            return False
        return True

    def _rows(self, query: str) -> list[tuple]:
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """An empty server, and nothing of it afterwards."""
    server = start_postgres()
    try:
        yield Postgres(server)
    finally:
        stop_postgres(server)
