"""The headers that tell a browser what an answer may not do; made once, because every answer carries some."""

from collections.abc import Sequence

Fields = Sequence[tuple[bytes, bytes]]

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")
_POLICY = b"content-security-policy"

OF_SCORES: Fields = (_NOSNIFF, _NO_STORE)
"""Of scoring answers. They are JSON, which no browser runs or frames as a page, so the rest would be bytes alone."""

OF_DATA: Fields = (
    _NOSNIFF,
    (_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Of every other answer; a page brings its own policy."""

_OWN_CACHING = frozenset({b"cache-control", b"etag"})


def secured(headers: Fields) -> list[tuple[bytes, bytes]]:
    """An answer's headers and those that it lacks. What does not say how it is cached may hold records: it is not stored."""
    names = {name.lower() for name, _ in headers}
    lacking = [field for field in OF_DATA if field[0] not in names]
    return [*headers, *lacking, *(() if names & _OWN_CACHING else (_NO_STORE,))]
