"""Times as text, in files and requests."""

import re
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000

# `datetime.fromisoformat` accepts more, and not the same in every version of Python
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?"
)


def parse_time(text: str) -> datetime | None:
    """The UTC time of an ISO 8601 text, truncated to microseconds; None where it is not a time in the years 1 to 9999.

    A date alone means its midnight, and a time without an offset is in UTC. Blanks around the text are ignored.

    >>> parse_time("2026-11-22T10:00+02:00").isoformat()
    '2026-11-22T08:00:00+00:00'
    """
    stripped = text.strip()
    if not _TIME.fullmatch(stripped):
        return None
    try:
        moment = datetime.fromisoformat(stripped.upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no such day, or outside those years in UTC
        return None


def epoch_milliseconds(moment: datetime) -> int:
    """The last whole millisecond since 1970 that is not after a time, which has an offset.

    >>> epoch_milliseconds(datetime(1970, 1, 2, 0, 0, 0, 1999, UTC))
    86400001
    """
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_OFFSET = re.compile(r"([Zz]|[+-][0-9]{2}:?[0-9]{2})\s*$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> int | None:
    """The first whole millisecond since 1970 that is not before the time of a text; 0 for times before 1970.

    None where the text is not a time, or has no offset: a search must not depend on where the caller is.

    >>> parse_moment("1970-01-01T01:00:00.0015+01:00"), parse_moment("2026-11-22T10:00:00")
    (2, None)
    """
    moment = parse_time(text)
    if moment is None or not _OFFSET.search(text):
        return None
    return max(0, -((_EPOCH - moment) // timedelta(milliseconds=1)))
