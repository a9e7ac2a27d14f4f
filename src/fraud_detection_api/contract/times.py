"""The one way to write a time as text, in a file and in a request alike."""

import re
from datetime import UTC, datetime, timedelta

# `datetime.fromisoformat` alone accepts more, and not the same in every version of Python
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)


def parse_time(text: str) -> datetime | None:
    """The UTC time that an ISO 8601 text says, cut to microseconds; None where it is no time of the years 1 to 9999.

    A date alone means its midnight, and a time without an offset is UTC. Blanks around the text do not count.

    >>> parse_time("2026-11-22T10:00+02:00").isoformat()
    '2026-11-22T08:00:00+00:00'
    """
    stripped = text.strip()
    if not _TIME.fullmatch(stripped):
        return None
    try:
        moment = datetime.fromisoformat(stripped.upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no such day; or beyond those years once the offset is taken off
        return None


def epoch_milliseconds(moment: datetime) -> int:
    """The last whole millisecond since 1970 that is not after a time with an offset.

    >>> epoch_milliseconds(datetime(1970, 1, 2, 0, 0, 0, 1999, UTC))
    86400001
    """
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
