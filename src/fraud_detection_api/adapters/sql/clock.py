"""The clock that ages what a store keeps for some time."""

import time
from collections.abc import Callable

from fraud_detection_api.adapters.sql.database import Database

_NOW = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::float8",
}


class DatabaseClock:
    """Seconds since 1970 by the clock of the database's machine, which all servers share; it never jumps.

    It is read once, and counted on by this process's monotonic clock. So a clock that is set forward does not expire what a
    store promised to keep, nor does a server whose clock is wrong.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database, self._monotonic = database, monotonic
        self._offset: float | None = None

    def __call__(self) -> float:
        """Raises StoreUnavailable while the database could not be asked yet."""
        if self._offset is None:
            with self._database.reading() as session:
                self._offset = float(session.rows(_NOW[self._database.dialect])[0][0]) - self._monotonic()
        return self._monotonic() + self._offset
