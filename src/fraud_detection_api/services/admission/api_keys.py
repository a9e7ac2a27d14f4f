"""Who may do what: keys with a role each."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal, get_args

from fraud_detection_api.errors import Forbidden, Unauthenticated

Role = Literal["score", "analyst", "monitor", "admin"]
SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True, repr=False)
class ApiKeys:
    """The known keys, held as digests.

    `score` scores, and reads the contract and the models. `analyst` reads and labels decisions, and reads monitoring.
    `monitor` reads monitoring and metrics, which hold nothing of any record. `admin` may do everything.
    """

    roles: tuple[tuple[bytes, Role], ...]

    @classmethod
    def parse(cls, text: str) -> "ApiKeys":
        """Keys from `role:key` entries separated by commas or line ends; lines that begin with # are comments.

        Raises ValueError, which names the entry's number and never quotes the entry.
        """
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        entries = [entry.strip() for entry in ",".join(lines).split(",") if entry.strip()]
        return cls(tuple(_parse_entry(number, entry) for number, entry in enumerate(entries, 1)))

    def __bool__(self) -> bool:
        return bool(self.roles)

    def require(self, role: Role, authorization: str | None, *others: Role) -> None:
        """Pass callers whose bearer key has one of the roles; without keys, everybody. Raises Unauthenticated, Forbidden."""
        if not self.roles:
            return
        held = self._role_of(authorization)
        if held not in ("admin", role, *others):
            raise Forbidden(f"this key has the role {held}; the route needs {' or '.join([role, *others])}")

    def caller(self, authorization: str | None) -> str:
        """The caller's identity: the digest of the key, or "" where no keys are set."""
        if not self.roles:
            return ""
        _, _, key = (authorization or "").partition(" ")
        return _digest(key.strip()).hex()

    def name_of(self, authorization: str | None) -> str:
        """The caller's name: the key's role and the beginning of its digest, never the key. Raises Unauthenticated."""
        if not self.roles:
            return "anybody (no keys are set)"
        return f"{self._role_of(authorization)} {self.caller(authorization)[:8]}"

    def _role_of(self, authorization: str | None) -> Role:
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated("send a key: Authorization: Bearer KEY")
        digest = _digest(key.strip())
        # compare every key, in constant time, so that timing reveals nothing about any of them
        matches = [role for known, role in self.roles if hmac.compare_digest(known, digest)]
        if not matches:
            raise Unauthenticated("this key is not known")
        return matches[0]


def _parse_entry(number: int, entry: str) -> tuple[bytes, Role]:
    name, _, key = entry.partition(":")
    role = next((role for role in get_args(Role) if role == name), None)
    if role is None:
        raise ValueError(f"entry {number} must be role:key, the role one of {', '.join(get_args(Role))}")
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"the key of entry {number} is shorter than {SHORTEST_KEY} characters; make a random one")
    return _digest(key), role


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
