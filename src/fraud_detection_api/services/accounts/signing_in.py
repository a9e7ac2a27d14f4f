"""Signs people in with passwords."""

import hashlib
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from fraud_detection_api.services.accounts.account_store import Account, AccountStore, AuditLine, ConsoleRole, Deed
from fraud_detection_api.services.accounts.passwords import Passwords
from fraud_detection_api.services.accounts.refusals import (
    AccountExists,
    InvalidAccount,
    SignInRefused,
    SignInThrottled,
    UnknownAccount,
)

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")


class Throttle(NamedTuple):
    """How many attempts in a row a name and an address have within `seconds`."""

    of_name: int = 5
    of_address: int = 50
    seconds: int = 900


THROTTLE = Throttle()


class LocalAccounts:
    """Accounts with passwords, in the store. `address` is where a sign-in comes from; empty where that says nothing."""

    def __init__(
        self,
        store: AccountStore,
        throttle: Throttle = THROTTLE,
        wall_clock: Callable[[], float] = time.time,
        *,
        passwords: Passwords | None = None,
    ) -> None:
        self._store, self._throttle, self._wall_clock = store, throttle, wall_clock
        self._passwords = passwords or Passwords()

    def has_accounts(self) -> bool:
        """Whether anybody can sign in. Raises StoreUnavailable."""
        return self._store.has_accounts()

    def accounts(self) -> list[Account]:
        """All accounts, by name. Raises StoreUnavailable."""
        return self._store.accounts()

    def trail(self, *, limit: int) -> list[AuditLine]:
        """The last lines of the audit trail, newest first. Raises StoreUnavailable."""
        return self._store.trail(limit=limit)

    def add(self, name: str, password: str, role: ConsoleRole, *, is_lead: bool, by: str) -> None:
        """Add an account. Raises InvalidAccount, AccountExists, StoreUnavailable."""
        if not NAME.fullmatch(name):
            rule = "at most 63 lower-case letters, digits, `.`, `_`, `@`, `+` and `-`, the first a letter or digit"
            raise InvalidAccount(f"a name has {rule}")
        if is_lead and role != "analyst":
            raise InvalidAccount("only an analyst can lead reviewers")
        line = self._line("account_added", name, by)
        if not self._store.add(Account(name, role, is_lead, line.at), self._passwords.hash_of(password), line):
            raise AccountExists

    def remove(self, name: str, *, by: str) -> None:
        """Remove an account and end its sessions. Raises UnknownAccount, StoreUnavailable."""
        if not self._store.remove(name, self._line("account_removed", name, by)):
            raise UnknownAccount

    def change_password(self, name: str, password: str, *, by: str) -> None:
        """Set another password and end the account's sessions. Raises InvalidAccount, UnknownAccount, StoreUnavailable."""
        if not self._store.change_password(
            name, self._passwords.hash_of(password), self._line("password_changed", name, by)
        ):
            raise UnknownAccount
        self._store.forget_attempts(_subject("name", name))

    def sign_in(self, name: str, password: str, address: str) -> Account:
        """The account. Raises SignInRefused, SignInThrottled, StoreUnavailable."""
        of_name = _subject("name", name)
        if address:
            self._count(_subject("address", address), self._throttle.of_address)
        self._count(of_name, self._throttle.of_name)  # before the password is checked, or many could be tried at once
        found = self._store.find(name) if NAME.fullmatch(name) else None
        account, password_hash = found or (None, None)
        if not self._passwords.match(password, password_hash) or account is None:
            raise SignInRefused
        self._store.forget_attempts(of_name)
        return account

    def close(self) -> None:
        """Release connections."""
        self._store.close()

    def _count(self, subject: bytes, most: int) -> None:
        now, window = self._now(), self._throttle.seconds * 1000
        attempts = self._store.attempt(subject, now, since=now - window)
        if attempts.made > most:
            raise SignInThrottled(max(1, (attempts.since + window - now) // 1000))

    def _line(self, what: Deed, about: str, by: str) -> AuditLine:
        return AuditLine(self._now(), by, what, about)

    def _now(self) -> int:
        return int(self._wall_clock() * 1000)


def _subject(kind: str, text: str) -> bytes:
    """What attempts are counted under: what was typed as a name may be a password, so it is not stored."""
    return hashlib.sha256(f"{kind}:{text}".encode("utf-8", "surrogatepass")).digest()
