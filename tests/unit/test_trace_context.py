"""`traceparent` and `tracestate` are taken where W3C Trace Context says so, and no others."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.trace_context import TraceParent, parse_traceparent, parse_tracestate

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = TraceParent(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # flags of later levels are left alone
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f" \t00-{TRACE}-{SPAN}-01\t ", True),
        (f"cc-{TRACE}-{SPAN}-01", True),  # a later version, without and with what we do not know of
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"fe-{TRACE}-{SPAN}-00-", False),
    ],
)
def test_a_traceparent_of_the_recommendation_is_taken(header, sampled):
    assert parse_traceparent(header.encode()) == SAMPLED._replace(sampled=sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "-",
        TRACE,
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-011",
        f"00-{TRACE}-{SPAN}-01-",  # this version ends with the flags
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-011",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"CC-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00_{TRACE}_{SPAN}_01",
        f"00 -{TRACE}-{SPAN}-01",
    ],
)
def test_any_other_traceparent_says_nothing(header):
    assert parse_traceparent(header.encode()) is None


@given(st.binary(max_size=80) | st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True))
def test_whatever_comes_is_refused_or_gives_ids_as_they_must_be(header):
    found = parse_traceparent(header)
    if found is not None:
        assert re.fullmatch("[0-9a-f]{32}", found.trace_id)
        assert re.fullmatch("[0-9a-f]{16}", found.span_id)
        assert set(found.trace_id) != {"0"} != set(found.span_id)


def members(count: int) -> str:
    return ",".join(f"k{number}=v" for number in range(count))


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        (["rojo=00f067aa0ba902b7"], "rojo=00f067aa0ba902b7"),
        (["rojo=1", "congo=2"], "rojo=1,congo=2"),
        (["rojo=1 , congo=2\t,", "", " ,dos=3"], "rojo=1,congo=2,dos=3"),
        (["fw529a3039@dt=FfD2ztwaYeRFh2"], "fw529a3039@dt=FfD2ztwaYeRFh2"),
        (["1a-2b*3/4_5@x_1=y"], "1a-2b*3/4_5@x_1=y"),
        (["k=a b!\"#$%&'()*+-./:;<>?@[]~"], "k=a b!\"#$%&'()*+-./:;<>?@[]~"),
        ([f"{'k' * 256}={'v' * 256}"], f"{'k' * 256}={'v' * 256}"),
        ([f"{'t' * 241}@{'v' * 14}=1"], f"{'t' * 241}@{'v' * 14}=1"),
        ([members(32)], members(32)),
        ([], ""),
        ([""], ""),
    ],
)
def test_a_tracestate_of_the_recommendation_is_taken(headers, state):
    assert parse_tracestate([header.encode() for header in headers]) == state


@pytest.mark.parametrize(
    "header",
    [
        "rojo",
        "rojo=",
        "=1",
        "Rojo=1",
        "1rojo=1",
        "ro jo=1",
        "rojo =1",
        "rojo=1=2",
        "rojo=1;congo=2",
        "rojo=é",
        "rojo=a\tb",
        "rojo=1,rojo=2",
        "a@b@c=1",
        "a@=1",
        "@b=1",
        "a@1b=1",
        f"{'k' * 257}=1",
        f"k={'v' * 257}",
        f"{'t' * 242}@v=1",
        f"t@{'v' * 15}=1",
        members(33),
    ],
)
def test_a_tracestate_with_any_fault_says_nothing(header):
    assert parse_tracestate([b"dos=3", header.encode()]) == ""
