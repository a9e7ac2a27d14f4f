"""HTTP by hand, for what no client library sends."""

import json
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

from support.http import Answer


def connect(url: str) -> socket.socket:
    """A connection to the server at that address."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def request(path: str, body: bytes = b"", *, method: str = "POST", **headers: str) -> bytes:
    """The bytes of a request. Its length is stated truly unless a length or a transfer encoding is given."""
    given = {name.replace("_", "-").lower(): text for name, text in headers.items()}
    if "transfer-encoding" not in given:
        given.setdefault("content-length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", "content-type: application/json"]
    lines += [f"{name}: {text}" for name, text in given.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_answer(connection: socket.socket) -> Answer:
    """The whole answer. Raises http.client.HTTPException or OSError where it is cut."""
    with HTTPResponse(connection) as response:
        response.begin()
        return Answer(response.status, {name.lower(): text for name, text in response.getheaders()}, response.read())


def exchange(url: str, sent: bytes) -> Answer:
    """Send these bytes on a connection of their own and read the answer."""
    with connect(url) as connection:
        connection.sendall(sent)
        return read_answer(connection)


def json_bytes(document: object) -> bytes:
    """The document as a body."""
    return json.dumps(document).encode()
