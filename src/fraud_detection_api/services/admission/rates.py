"""How fast a caller may call: token buckets, for each name."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from fraud_detection_api.errors import RateExceeded
from fraud_detection_api.services.admission.callers import Caller, Limits


class Quota(NamedTuple):
    """What is left of a rate.

    `per_second` is the rate, `left` the units that may be used now, and `full_in_seconds` the time until a second's are.
    """

    unit: str
    per_second: float
    left: int
    full_in_seconds: int


class _Bucket:
    """Holds at most a second's units, and may be overdrawn: a large request passes, and the next ones wait for it."""

    def __init__(self, unit: str, per_second: float, now: float) -> None:
        self.unit, self.per_second = unit, per_second
        self._size = max(per_second, 1.0)
        self._units, self._filled_at = self._size, now

    def fill(self, now: float) -> None:
        self._units = min(self._size, self._units + (now - self._filled_at) * self.per_second)
        self._filled_at = now

    def spend(self, units: int) -> None:
        self._units -= units

    @property
    def wait_seconds(self) -> float:
        """Seconds until a request may pass: until there is one unit, or what a bucket holds at most."""
        return max(0.0, (1.0 - self._units) / self.per_second)

    def quota(self) -> Quota:
        full_in = math.ceil((self._size - self._units) / self.per_second)
        return Quota(self.unit, self.per_second, max(0, int(self._units)), full_in)


class Rates:
    """The rates of all callers, in this process. For one event loop; `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[Limits, tuple[_Bucket, ...]]] = {}

    def spend(self, caller: Caller, *, requests: int = 0, records: int = 0) -> None:
        """Count these, where the caller has limits. Raises RateExceeded, and counts nothing then."""
        if not caller.limits.has_rates:
            return
        spent = [(bucket, requests if bucket.unit == "requests" else records) for bucket in self._filled(caller)]
        wait = max((bucket.wait_seconds for bucket, units in spent if units), default=0.0)
        if wait > 0:
            raise RateExceeded(math.ceil(wait), self.quotas(caller))
        for bucket, units in spent:
            bucket.spend(units)

    def quotas(self, caller: Caller) -> list[Quota]:
        """What is left to the caller of each of its rates."""
        return [bucket.quota() for bucket in self._filled(caller)]

    def _filled(self, caller: Caller) -> tuple[_Bucket, ...]:
        now, limits = self._clock(), caller.limits
        known = self._buckets.get(caller.identity)
        if known is None or known[0] != limits:
            rates = [("requests", limits.requests_per_second), ("records", limits.records_per_second)]
            known = limits, tuple(_Bucket(unit, rate, now) for unit, rate in rates if rate is not None)
            self._buckets[caller.identity] = known
        for bucket in known[1]:
            bucket.fill(now)
        return known[1]
