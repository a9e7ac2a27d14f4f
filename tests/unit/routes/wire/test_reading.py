"""Bytes become heads and bodies as RFC 9112 says, whole or in pieces, and nothing of it grows without a bound."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_detection_api.routes.wire.reading import HEAD_BYTES, HEAD_FIELDS, RequestReader
from fraud_detection_api.routes.wire.refusal import Refused

START = b"POST /x HTTP/1.1\r\nhost: a\r\n"
CHUNKED = START + b"transfer-encoding: chunked\r\n\r\n"


def read(*pieces: bytes) -> list[tuple]:
    """Each request's method, path, fields and body, however its bytes are cut."""
    reader, found, head, body = RequestReader(), [], None, b""
    for piece in pieces:
        reader.feed(piece)
        while head is not None or (head := reader.head()) is not None:
            body += reader.body()
            if reader.is_interrupted:
                continue
            if not reader.body_ended:
                break
            found.append((head.method, head.target().path, head.fields, body))
            head, body = None, b""
    return found


def refusal(sent: bytes) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        read(sent)
    return refused.value.status, refused.value.code


REQUESTS = (
    START + b"content-length: 3\r\n\r\nabc"
    b"GET /p%20q?z HTTP/1.1\r\nHost: b\r\n\r\n"
    b"\r\n" + CHUNKED + b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nauthorization: Bearer x\r\n\r\n"
    b"POST /y HTTP/1.0\r\n\r\n"
)


@given(st.lists(st.integers(1, len(REQUESTS) - 1), max_size=8))
def test_requests_are_read_alike_however_their_bytes_are_cut(cuts):
    edges = [0, *sorted(cuts), len(REQUESTS)]
    found = read(*[REQUESTS[start:end] for start, end in pairwise(edges)])
    assert [(method, path, body) for method, path, _, body in found] == [
        ("POST", "/x", b"abc"),
        ("GET", "/p q", b""),
        ("POST", "/x", b"abc"),
        ("POST", "/y", b""),
    ]


def test_trailers_are_no_headers():
    [(_, _, fields, body)] = read(CHUNKED + b"1\r\na\r\n0\r\nauthorization: Bearer x\r\nhost: b\r\n\r\n")
    assert body == b"a"
    assert dict(fields) == {b"host": b"a", b"transfer-encoding": b"chunked"}


@pytest.mark.parametrize("wish", ["connection: upgrade\r\nupgrade: h2c", "connection: upgrade\r\nupgrade: websocket"])
def test_a_wish_to_upgrade_changes_nothing(wish):
    sent = START + wish.encode() + b"\r\ncontent-length: 2\r\n\r\n[]"
    assert [(path, body) for _, path, _, body in read(sent + sent)] == [("/x", b"[]")] * 2


MALFORMED = {
    "no version": b"GET /\r\n\r\n",
    "HTTP 0.9": b"GET / HTTP/0.9\r\nhost: a\r\n\r\n",
    "HTTP 2": b"GET / HTTP/2.0\r\nhost: a\r\n\r\n",
    "another protocol": b"GET / RTSP/1.0\r\nhost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": START + b"host: a\r\n\r\n",
    "two keys": START + b"authorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n",
    "two types": START + b"content-type: application/json\r\nx: y\r\nContent-Type: text/plain\r\n\r\n",
    "two origins": START + b"origin: http://a\r\norigin: http://b\r\n\r\n",
    "junk for a host": b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
    "user in a host": b"GET / HTTP/1.1\r\nhost: u@a\r\n\r\n",
    "path in a host": b"GET / HTTP/1.1\r\nhost: a/x\r\n\r\n",
    "hosts in a list": b"GET / HTTP/1.0\r\nhost: a, b\r\n\r\n",
    "another server's target": b"GET http://b/x HTTP/1.1\r\nhost: a\r\n\r\n",
    "user in a target": b"GET http://u@a/x HTTP/1.1\r\nhost: a\r\n\r\n",
    "fragment": b"GET /x#y HTTP/1.1\r\nhost: a\r\n\r\n",
    "two spaces before a target": b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
    "two spaces behind a target": b"GET /  HTTP/1.1\r\nhost: a\r\n\r\n",
    "line feed in a path": b"GET /ping%0a HTTP/1.1\r\nhost: a\r\n\r\n",
    "NUL in a path": b"GET /%00 HTTP/1.1\r\nhost: a\r\n\r\n",
    "slash that is encoded": b"GET /v1%2fmodels HTTP/1.1\r\nhost: a\r\n\r\n",
    "slash that is encoded in a server's target": b"GET http://a/v1%2Fmodels HTTP/1.1\r\nhost: a\r\n\r\n",
    "backslash that is encoded": b"GET /v1%5Cmodels HTTP/1.1\r\nhost: a\r\n\r\n",
    "backslash": b"GET /v1\\models HTTP/1.1\r\nhost: a\r\n\r\n",
    "two hosts of HTTP 1.0": b"GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n",
    "identity, chunked": START + b"transfer-encoding: identity, chunked\r\n\r\n",
    "chunked, chunked": START + b"transfer-encoding: chunked, chunked\r\n\r\n",
    "chunked twice": START + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
    "gzip": START + b"transfer-encoding: gzip\r\n\r\n",
    "chunks of HTTP 1.0": b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
    "length and chunks": START + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
    "chunks and length": START + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n",
    "two lengths": START + b"content-length: 2\r\ncontent-length: 3\r\n\r\n",
    "the same length twice": START + b"content-length: 2\r\ncontent-length: 2\r\n\r\n",
    "lengths in a list": START + b"content-length: 2, 2\r\n\r\n",
    "signed length": START + b"content-length: +2\r\n\r\n",
    "length of 30 digits": START + b"content-length: " + b"9" * 30 + b"\r\n\r\n",
    "folded field": START + b"x: a\r\n b\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nhost: a\n\n",
    "bare LF in a field": START + b"x: a\nauthorization: b\r\n\r\n",
    "bare CR in a field": START + b"x: a\rb\r\n\r\n",
    "NUL in a field": START + b"x: a\x00b\r\n\r\n",
    "control character in a field": START + b"x: a\x01b\r\n\r\n",
    "space before a colon": START + b"x : a\r\n\r\n",
    "no name": START + b": a\r\n\r\n",
    "target of no path": b"GET x HTTP/1.1\r\nhost: a\r\n\r\n",
    "method of no standard": b"BREW / HTTP/1.1\r\nhost: a\r\n\r\n",
    "tunnel": b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "size of a chunk": CHUNKED + b"zz\r\n",
    "signed chunk": CHUNKED + b"+1\r\na\r\n",
    "chunk that is longer than it says": CHUNKED + b"1\r\nab\r\n",
    "bare LF after a chunk's size": CHUNKED + b"1\na\r\n",
    "endless extension of a chunk": CHUNKED + b"1;" + b"x" * 300,
    "trailer that is no field": CHUNKED + b"0\r\nno field\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_breaks_the_rules_of_http_is_refused(sent):
    assert refusal(sent) == (400, "malformed_request")


def test_a_query_may_have_any_encoded_character():
    assert [path for _, path, _, _ in read(b"GET /x?a=%2F%5c%0a HTTP/1.1\r\nhost: a\r\n\r\n")] == ["/x"]


@pytest.mark.parametrize("host", ["", "a_b.c:80", "a:", "[::1]", "[::1]:8000", "127.0.0.1:1", "xn--a%20", "A.b"])
def test_fields_that_may_occur_twice_and_any_host_are_accepted(host):
    assert len(read(f"GET / HTTP/1.1\r\nhost: {host}\r\naccept: a\r\naccept: b\r\n\r\n".encode())) == 1


@pytest.mark.parametrize(
    ("target", "path"), [("http://A.b:1", "/"), ("http://a.B:1?y", "/"), ("http://A.b:1/x?y", "/x")]
)
def test_a_target_may_name_the_host_that_the_header_names(target, path):
    assert [found for _, found, _, _ in read(f"GET {target} HTTP/1.1\r\nhost: a.b:1\r\n\r\n".encode())] == [path]


@pytest.mark.parametrize(("version", "expects"), [("1.1", True), ("1.0", False)])
def test_only_http_1_1_knows_an_answer_before_the_body(version, expects):
    reader = RequestReader()
    reader.feed(f"POST / HTTP/{version}\r\nhost: a\r\nexpect: 100-continue\r\n\r\n".encode())
    assert reader.head().expects_continue is expects


def head_of(size: int) -> bytes:
    return START + b"x: " + b"a" * (size - len(START) - len(b"x: \r\n\r\n")) + b"\r\n\r\n"


def test_a_head_may_have_a_size_and_no_more():
    assert len(read(head_of(HEAD_BYTES))) == 1
    assert refusal(head_of(HEAD_BYTES + 1)) == (431, "head_too_large")


def test_a_head_that_never_ends_is_refused_at_its_limit_and_not_kept():
    reader = RequestReader()
    reader.feed(START + b"x: ")
    while reader.waiting_bytes < HEAD_BYTES:
        assert reader.head() is None
        reader.feed(b"a")
    assert reader.head() is None
    reader.feed(b"a")
    with pytest.raises(Refused) as refused:
        reader.head()
    assert refused.value.code == "head_too_large"
    assert reader.waiting_bytes <= HEAD_BYTES + 1


def test_a_head_may_have_a_number_of_fields_and_no_more():
    fields = b"".join(b"x-%d: a\r\n" % number for number in range(HEAD_FIELDS - 1))
    assert len(read(START + fields + b"\r\n")) == 1
    assert refusal(START + fields + b"y: a\r\n\r\n") == (431, "head_too_large")


def test_trailers_have_a_limit():
    assert refusal(CHUNKED + b"0\r\n" + b"x: aaaaaaaaaaaaaaaa\r\n" * 500) == (431, "head_too_large")


def test_tiny_chunks_are_read_in_steps():
    reader = RequestReader()
    reader.feed(CHUNKED + b"1\r\na\r\n" * 5000)
    reader.head()
    assert 0 < len(reader.body()) < 5000
    assert reader.is_interrupted


def test_empty_lines_before_a_request_are_not_kept():
    reader = RequestReader()
    for _ in range(1000):
        reader.feed(b"\r\n" * 100)
        assert reader.head() is None
    assert reader.waiting_bytes == 0


def test_a_head_that_comes_again_is_read_as_the_first_time():
    post = b"POST /x HTTP/1.1\r\nhost: a\r\nx: 1\r\nx: 2\r\ncontent-length: 3\r\n\r\nabc"
    chunks = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    longer = post.replace(b"\r\n\r\n", b"\r\ny: 3\r\n\r\n")
    for sent in ([post] * 3, [chunks] * 3, [post, longer, post, chunks, post]):
        assert read(b"".join(sent)) == [read(each)[0] for each in sent]
