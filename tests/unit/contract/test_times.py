"""One strict reading of times, whatever they come from."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.contract.times import parse_since, parse_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-02-29", datetime(2020, 2, 29, tzinfo=UTC)),
        ("2020-02-29T10:00", datetime(2020, 2, 29, 10, tzinfo=UTC)),
        ("2020-02-29 10:00:59", datetime(2020, 2, 29, 10, 0, 59, tzinfo=UTC)),
        ("2020-02-29t10:00:00z", datetime(2020, 2, 29, 10, tzinfo=UTC)),
        ("2020-02-29T10:00Z", datetime(2020, 2, 29, 10, tzinfo=UTC)),
        ("2020-02-29T10:00:00.5+02:00", datetime(2020, 2, 29, 8, 0, 0, 500_000, tzinfo=UTC)),
        ("2020-02-29T23:30:00-0030", datetime(2020, 3, 1, tzinfo=UTC)),
        ("2020-02-29T10:00:00.123456789Z", datetime(2020, 2, 29, 10, 0, 0, 123_456, tzinfo=UTC)),
        (" \t2020-02-29T10:00:00Z\n", datetime(2020, 2, 29, 10, tzinfo=UTC)),
        ("2020-02-29 10:00:00+00", datetime(2020, 2, 29, 10, tzinfo=UTC)),
        ("2020-02-29T10:00-02", datetime(2020, 2, 29, 12, tzinfo=UTC)),
        ("2020-02-29 10:00:00.5 UTC", datetime(2020, 2, 29, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2020-02-29 10:00 Z", datetime(2020, 2, 29, 10, tzinfo=UTC)),
        ("2020-02-29 10:00:00 +0530", datetime(2020, 2, 29, 4, 30, tzinfo=UTC)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_calendar_time_is_read_as_utc(text, moment):
    read = parse_time(text)
    assert read == moment
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "1582934400",
        "20200229",
        "2020-2-29",
        "2020-02-30",
        "2020-W09-6",
        "0000-01-01",
        "-2020-02-29",
        "+2020-02-29",
        "12020-02-29",
        "2020-02-29Z",
        "2020-02-29T",
        "2020-02-29T10",
        "2020-02-29T1000",
        "2020-02-29_10:00",
        "2020-02-29  10:00",
        "2020-02-29T24:00:00",
        "2020-02-29T10:60",
        "2020-02-29T23:59:60Z",
        "2020-02-29T10:00:00.",
        "2020-02-29T10:00:00,5",
        "2020-02-29T10:00:00.1234567890",
        "2020-02-29T10:00  Z",
        "2020-02-29T10:00+2",
        "2020-02-29 UTC",
        "2020-02-29+02",
        "2020-02-29T10:00 CET",
        "2020-02-29T10:00UTC+2",
        "2020-02-29T10:00+24:00",
        "2020-02-29T10:00+02:60",
        "2020-02-29T10:00\N{MINUS SIGN}02:00",
        "2020-02-29T10:00+02:00:01",
        "\N{ARABIC-INDIC DIGIT TWO}020-02-29",
        "0001-01-01T00:00+00:01",
        "9999-12-31T23:59-00:01",
    ],
)
def test_what_is_no_calendar_time_is_none(text):
    assert parse_time(text) is None


OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS))  # noqa: DTZ001
def test_what_python_writes_is_read_back(moment):
    assert parse_time(moment.isoformat()) == moment


@given(st.text() | st.from_regex(r"[0-9-]{8,10}[Tt ]?[0-9:.]{0,9}[Zz+-]?[0-9:]{0,5}"))
def test_any_text_is_a_utc_time_or_none(text):
    read = parse_time(text)
    assert read is None or read.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2020-02-28", -24 - 10),
        ("2020-02-29T08:00:00Z", -2),
        ("2020-02-29 08:00", -2),
        ("now", 0),
        ("Today", -10),
        (" yesterday ", -34),
        ("90m", -1.5),
        ("7d", -168),
        ("2w", -336),
    ],
)
def test_people_say_since_when_in_their_own_ways(text, hours):
    now = datetime(2020, 2, 29, 10, tzinfo=UTC)
    assert parse_since(text, now) == (now.timestamp() + hours * 3600) * 1000


@pytest.mark.parametrize("text", ["", "d", "7", "7 days", "tomorrow", "-7d", "1.5d", "7y", "9999999d"])
def test_what_is_no_time_since_when_is_none(text):
    assert parse_since(text, datetime(2020, 2, 29, tzinfo=UTC)) is None


def test_long_ago_is_the_beginning():
    assert parse_since("999999d", datetime(2020, 2, 29, tzinfo=UTC)) == 0
