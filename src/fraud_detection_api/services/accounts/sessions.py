"""Sessions: a random token that the browser has, and whose digest the store has."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from fraud_detection_api.services.accounts.account_store import Account, AccountStore, AuditLine

_TOKEN_BYTES = 32
_TOUCH_MS = 60_000
"""A session's last use is stored to the minute, so that browsing does not write with each page."""


class Lifetime(NamedTuple):
    """How long a session lasts without use, and at most."""

    idle_seconds: int = 30 * 60
    absolute_seconds: int = 12 * 3600


LIFETIME = Lifetime()


class Sessions:
    """Opens, finds and ends sessions. A session gets a new token, so a token from before a sign-in is worth nothing."""

    def __init__(
        self, store: AccountStore, lifetime: Lifetime = LIFETIME, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._lifetime, self._wall_clock = store, lifetime, wall_clock

    def open(self, account: Account) -> str:
        """The token of a new session. Raises StoreUnavailable."""
        token, now = new_token(), self._now()
        line = AuditLine(now, account.name, "signed_in", account.name)
        self._store.open_session(_digest(token), line, opened_since=now - self._lifetime.absolute_seconds * 1000)
        return token

    def account(self, token: str) -> Account | None:
        """Whose session it is; None if it has ended. Raises StoreUnavailable."""
        digest, now = _digest(token), self._now()
        session = self._store.session(digest)
        if session is None:
            return None
        idle, age = now - session.seen_at, now - session.opened_at
        if idle >= self._lifetime.idle_seconds * 1000 or age >= self._lifetime.absolute_seconds * 1000:
            self._store.end_session(digest)
            return None
        if idle >= _TOUCH_MS:
            self._store.touch(digest, now)
        return session.account

    def end(self, token: str, account: Account) -> None:
        """End a session. Raises StoreUnavailable."""
        self._store.end_session(_digest(token), AuditLine(self._now(), account.name, "signed_out", account.name))

    def _now(self) -> int:
        return int(self._wall_clock() * 1000)


def new_token() -> str:
    """A secret of 32 random bytes, for a cookie."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def form_token(token: str) -> str:
    """What forms of a session carry, so that no other site can send them. It does not tell the session's token."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"form", hashlib.sha256).hexdigest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
