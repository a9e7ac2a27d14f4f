"""The trail of what people do in the console."""

import time
from collections.abc import Callable

from fraud_detection_api.services.accounts.account_store import AccountStore, AuditLine, Deed, FoundLines, TrailFilter

NOBODY = "(nobody signed in)"
"""Who acts where the console is open. No account can have the name."""

MOST_LOOKED_AT = 20_000
"""Lines that a page looks at: no index serves its conditions."""


class Trail:
    """Writes and reads the trail. Raises StoreUnavailable. The clock is in seconds."""

    def __init__(self, store: AccountStore, wall_clock: Callable[[], float] = time.time) -> None:
        self._store, self._wall_clock = store, wall_clock

    def note(self, who: str, what: Deed, about: str) -> None:
        """Add a line, durably, before the person sees what it is about."""
        self._store.note(AuditLine(int(self._wall_clock() * 1000), who, what, about))

    def page(self, where: TrailFilter, *, limit: int, before: int | None = None) -> FoundLines:
        """At most `limit` lines, newest first; `reached` continues, whether the page is full or everything was looked at."""
        found = self._store.search_trail(where, limit=limit + 1, among=MOST_LOOKED_AT, before=before)
        if len(found.lines) <= limit:
            return found
        return FoundLines(found.lines[:limit], found.lines[limit - 1].number)
