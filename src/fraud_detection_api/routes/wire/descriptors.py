"""How many connections the descriptors of this process allow."""

import resource
from contextlib import suppress

from fraud_detection_api.routes.wire.doors import HEALTH_RESERVE, LINGERING, DoorLimits
from fraud_detection_api.routes.wire.watch import HEALTH_PORT_LIMITS

OTHER_DESCRIPTORS = 64
"""For files, the decision writer, the registry and log."""

FEWEST = 8


def door_limits(total: int, per_address: int) -> DoorLimits:
    """The limits, lowered to what the descriptors allow. Raises the process's own bound on them as far as it may."""
    beside = HEALTH_RESERVE + LINGERING + HEALTH_PORT_LIMITS.total + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < total + beside:
        wanted = total + beside if hard == resource.RLIM_INFINITY else min(hard, total + beside)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        total = max(FEWEST, min(total, soft - beside))
    return DoorLimits(total, min(per_address, total), HEALTH_RESERVE, LINGERING)
