"""A request's trace by `traceparent` and `tracestate`. Source: W3C, "Trace Context" (2021), sections 3.2 and 3.3."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

MOST_MEMBERS = 32
"""Entries that a `tracestate` may have."""

# lower case alone, no id of zeros alone, and no version ff; what follows the flags is of a later version
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_SAMPLED = 1
_CHARACTERS = rb"[a-z0-9_*/-]"
_MEMBER = re.compile(
    rb"([a-z]" + _CHARACTERS + rb"{0,255}|[a-z0-9]" + _CHARACTERS + rb"{0,240}@[a-z]" + _CHARACTERS + rb"{0,13})"
    rb"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_BLANK = b" \t"


class Span(NamedTuple):
    """A piece of work in a trace. Ids are lower-case hex; times are nanoseconds since 1970.

    `parent_id` is the caller's span where it is `from_caller`, else one of ours; None begins a trace. What is from a caller,
    or begins a trace, is a server's span; others are parts of it.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    tracestate: str
    name: str
    start: int
    end: int
    attributes: Mapping[str, str | int]
    from_caller: bool = False
    failed: bool = False


class TraceParent(NamedTuple):
    """The caller's span: ids in lower-case hex, of 32 and 16 digits; whether the caller may have recorded the trace."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(header: bytes) -> TraceParent | None:
    """The caller's span, None where the header breaks the recommendation. A later version is read as if it were this one.

    >>> parse_traceparent(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").sampled
    True
    """
    match = _TRACEPARENT.fullmatch(header.strip(_BLANK))
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == b"00" and more is not None:
        return None
    return TraceParent(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & _SAMPLED))


def parse_tracestate(headers: Sequence[bytes]) -> str:
    """The entries of other tracing systems, from all headers of that name; "" where any of them is malformed.

    >>> parse_tracestate([b"rojo=00f067aa0ba902b7 , ", b"congo=t61rcWkgMzE"])
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'
    """
    members = [member for part in b",".join(headers).split(b",") if (member := part.strip(_BLANK))]
    keys = [match[1] for member in members if (match := _MEMBER.fullmatch(member))]
    if len(keys) < len(members) or len(set(keys)) < len(keys) or len(keys) > MOST_MEMBERS:
        return ""
    return b",".join(members).decode("ascii")
