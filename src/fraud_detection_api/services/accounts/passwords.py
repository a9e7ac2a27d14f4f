"""Hashes of passwords: Argon2id, in the second recommended form of RFC 9106 (64 MiB, three passes, four lanes)."""

from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fraud_detection_api.services.accounts.refusals import InvalidAccount

SHORTEST, LONGEST = 12, 256
"""Characters of a password. Length is the only rule, as NIST SP 800-63B advises."""

MEMORY_KIB, PASSES = 64 * 1024, 3

_ONE_AT_A_TIME = Lock()
"""A hash takes 64 MiB, so a process makes one at a time however many people sign in."""


class Passwords:
    """Makes hashes and checks passwords, with so much memory in KiB and so many passes."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib)
        self._nobody: str | None = None

    def hash_of(self, password: str) -> str:
        """The hash to store. Raises InvalidAccount for a password that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise InvalidAccount(f"a password has {SHORTEST} to {LONGEST} characters")
        with _ONE_AT_A_TIME:
            return self._hasher.hash(password)

    def match(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password of the hash. Without a hash it takes as long, so that nobody learns who has one."""
        if len(password) > LONGEST:
            return False
        with _ONE_AT_A_TIME:
            self._nobody = self._nobody or self._hasher.hash("the password of nobody")
            try:
                return self._hasher.verify(password_hash or self._nobody, password) and password_hash is not None
            except (VerificationError, InvalidHashError):
                return False
