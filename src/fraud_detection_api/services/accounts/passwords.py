"""Hashes of passwords: Argon2id, in the second recommended form of RFC 9106 (64 MiB, three passes, four lanes)."""

from functools import cache
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fraud_detection_api.services.accounts.refusals import InvalidAccount

SHORTEST, LONGEST = 12, 256
"""Characters of a password. Length is the only rule, as NIST SP 800-63B advises."""

_HASHER = PasswordHasher()
_ONE_AT_A_TIME = Lock()
"""A hash takes 64 MiB, so a process makes one at a time however many people sign in."""


def hash_of(password: str) -> str:
    """The hash to store. Raises InvalidAccount for a password that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidAccount(f"a password has {SHORTEST} to {LONGEST} characters")
    with _ONE_AT_A_TIME:
        return _HASHER.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one of the hash. Without a hash it takes as long, so that nobody learns who has one."""
    if len(password) > LONGEST:
        return False
    with _ONE_AT_A_TIME:
        try:
            return _HASHER.verify(password_hash or _nobody(), password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobody() -> str:
    return _HASHER.hash("the password of nobody")
