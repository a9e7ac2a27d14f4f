"""Who may do what: keys with a role each."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fraud_detection_api.errors import Forbidden, Unauthenticated
from fraud_detection_api.services.admission.callers import ANYBODY, Caller, Role


class ApiKeys:
    """The known keys, held as digests. `callers` is replaced whole, so any thread may read it at any time.

    `score` scores, and reads the contract and the models. `analyst` reads and labels decisions, and reads monitoring.
    `monitor` reads monitoring and metrics, which hold nothing of any record. `admin` may do everything.
    """

    def __init__(self, callers: Iterable[Caller] = ()) -> None:
        self.callers: Mapping[str, Caller] = {}
        self.replace(callers)

    def replace(self, callers: Iterable[Caller]) -> None:
        """Take these keys instead."""
        by_digest = {caller.digest: caller for caller in reversed([*callers])}  # of equal keys, the first counts
        has_rivals = len({caller.identity for caller in by_digest.values()}) > 1
        self.callers = {digest: replace(caller, has_rivals=has_rivals) for digest, caller in by_digest.items()}

    def __bool__(self) -> bool:
        return bool(self.callers)

    def require(self, role: Role, authorization: str | None, *others: Role) -> Caller:
        """The caller whose bearer key has one of the roles; without keys, anybody. Raises Unauthenticated, Forbidden."""
        caller = self.caller(authorization)
        if caller.role not in ("admin", role, *others):
            raise Forbidden(f"this key has the role {caller.role}; the route needs {' or '.join([role, *others])}")
        return caller

    def caller(self, authorization: str | None) -> Caller:
        """The holder of the bearer key; without keys, anybody. Raises Unauthenticated."""
        callers = self.callers
        if not callers:
            return ANYBODY
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated("send a key: Authorization: Bearer KEY")
        # The time of this look-up depends on the digest alone, from which nobody can work towards a key.
        caller = callers.get(digest_of(key.strip()))
        if caller is None:
            raise Unauthenticated("this key is not known")
        return caller


def digest_of(key: str) -> str:
    """The SHA-256 of a key, in hexadecimal.

    A slow hash protects secrets that can be guessed. A key is random and long, so a fast one is as safe, and every request
    pays for it.
    """
    return hashlib.sha256(key.encode()).hexdigest()
