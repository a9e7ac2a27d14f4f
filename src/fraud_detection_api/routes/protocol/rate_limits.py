"""The header fields RateLimit and RateLimit-Policy, as draft-ietf-httpapi-ratelimit-headers-11 has them (May 2026)."""

import math
from collections.abc import Iterable


def rate_limit_fields(quotas: Iterable[tuple[str, float, int, int]]) -> list[tuple[bytes, bytes]]:
    """Both fields for quotas: unit, rate a second, what is left, and the seconds until all of it is.

    >>> rate_limit_fields([("records", 0.25, 0, 4)])
    [(b'ratelimit-policy', b'"records";q=1;w=4'), (b'ratelimit', b'"records";r=0;t=4')]
    """
    given = list(quotas)
    policy = ", ".join(
        f'"{unit}";q={max(1, int(rate))};w={math.ceil(max(1.0, 1 / rate))}' for unit, rate, _, _ in given
    )
    left = ", ".join(f'"{unit}";r={units};t={seconds}' for unit, _, units, seconds in given)
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
