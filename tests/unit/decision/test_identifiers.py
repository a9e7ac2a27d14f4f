"""Identifiers of decisions are UUIDs of version 7."""

import os
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.decision.identifiers import uuids7


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_any_time_and_bits_make_a_uuid_of_version_7(milliseconds, random):
    made = UUID(uuids7(milliseconds, random)[0])
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == milliseconds


def test_later_ones_sort_after_earlier_ones():
    made = [uuids7(milliseconds, os.urandom(10))[0] for milliseconds in range(1_795_341_600_000, 1_795_341_600_050)]
    assert made == sorted(made)


def test_other_bits_make_another_one():
    assert len({uuids7(0, os.urandom(10))[0] for _ in range(1000)}) == 1000
