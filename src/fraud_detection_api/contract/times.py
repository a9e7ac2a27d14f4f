"""Times as text, in files and requests."""

import re
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000

# `datetime.fromisoformat` accepts more, and not the same in every version of Python
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)"
    r"(?: ?([Zz]|[Uu][Tt][Cc]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?)?"
)
_UTC_OFFSET = "+00:00"


def parse_time(text: str) -> datetime | None:
    """The UTC time of an ISO 8601 text, truncated to microseconds; None where it is not a time in the years 1 to 9999.

    A date alone means its midnight, and a time without an offset is in UTC. Blanks around the text are ignored. As databases
    write them, an offset may be hours alone or `UTC`, after a blank.

    >>> parse_time("2026-11-22T10:00+02:00").isoformat(), parse_time("2026-11-22 10:00:00.5 UTC").isoformat()
    ('2026-11-22T08:00:00+00:00', '2026-11-22T10:00:00.500000+00:00')
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    date, clock, zone = found.groups()
    offset = _UTC_OFFSET if zone is None or zone[0] not in "+-" else zone
    try:
        return datetime.fromisoformat(f"{date}T{clock or '00:00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or outside those years in UTC
        return None


def epoch_milliseconds(moment: datetime) -> int:
    """The last whole millisecond since 1970 that is not after a time, which has an offset.

    >>> epoch_milliseconds(datetime(1970, 1, 2, 0, 0, 0, 1999, UTC))
    86400001
    """
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> int | None:
    """The first whole millisecond since 1970 that is not before the time of a text; 0 for times before 1970.

    None where the text is not a time, or has no offset: a search must not depend on where the caller is.

    >>> parse_moment("1970-01-01T01:00:00.0015+01:00"), parse_moment("2026-11-22T10:00:00")
    (2, None)
    """
    found = _TIME.fullmatch(text.strip())
    moment = parse_time(text)
    if moment is None or found is None or found[3] is None:
        return None
    return _first_millisecond(moment)


_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}


def parse_since(text: str, now: datetime) -> int | None:
    """The first whole millisecond since 1970 of a time as people write it; None where it is none.

    A time, which is in UTC where it has no offset; `today` or `yesterday`, from midnight in UTC; or how long ago.

    >>> now = datetime(1970, 1, 3, 10, tzinfo=UTC)
    >>> parse_since("1970-01-02", now), parse_since("yesterday", now), parse_since("2h", now)
    (86400000, 86400000, 201600000)
    """
    written, today = text.strip().lower(), now.replace(hour=0, minute=0, second=0, microsecond=0)
    if (ago := _AGO.fullmatch(written)) is not None:
        return max(0, _first_millisecond(now) - int(ago[1]) * _MILLISECONDS[ago[2]])
    named = {"now": now, "today": today, "yesterday": today - timedelta(days=1)}
    moment = named.get(written) or parse_time(text)
    return None if moment is None else _first_millisecond(moment)


def _first_millisecond(moment: datetime) -> int:
    return max(0, -((_EPOCH - moment) // timedelta(milliseconds=1)))


_YEAR_NAME = re.compile(r"(?:^|[^A-Za-z]|(?<=[a-z])(?=Y))(?:[Yy]ear|YEAR)(?![a-z])")


def names_a_year(column: str) -> bool:
    """Whether a column's name says that its numbers are calendar years.

    >>> [names_a_year(name) for name in ("opened_at.year", "ModelYear", "years_employed", "yearly_income")]
    [True, True, False, False]
    """
    return _YEAR_NAME.search(column) is not None


def year_text(number: float) -> str | None:
    """A calendar year as people write it; None for any other number.

    >>> year_text(2015.0), year_text(15.0)
    ('2015', None)
    """
    return f"{number:.0f}" if 1000 <= number < 3000 and float(number).is_integer() else None
