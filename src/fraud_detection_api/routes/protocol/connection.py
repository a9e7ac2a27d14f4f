"""HTTP/1.1 as uvicorn speaks it, with two differences: Upgrade requests are ignored, and every error is a problem."""

import logging

import httptools
from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fraud_detection_api.routes.protocol.context import REQUEST_ID, new_request_id
from fraud_detection_api.schemas.problem import MEDIA_TYPE, problem_body
from fraud_detection_api.telemetry import log_event

_OF_UPGRADES = (b"upgrade", b"http2-settings")


class HttpProtocol(HttpToolsProtocol):
    """A connection.

    Java's client sends `Upgrade: h2c` with the first request of a connection, as `curl --http2` does. A server may ignore it
    (RFC 9110, 7.8), but the parser takes the end of such a head for the end of the request, and of all HTTP on the
    connection. So a new parser reads the head again without the upgrade, before the request is handled.
    """

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            while data:
                data = self._read(data)
        except httptools.HttpParserError as error:
            request_id = new_request_id()
            log_event("malformed_request", level=logging.WARNING, request_id=request_id, error=type(error).__name__)
            self._refuse(request_id)

    def _read(self, data: bytes) -> bytes:
        """Read the data; returns what to read in place of a head that asks to upgrade, and after it."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._tunnels():  # answered as a method that is not allowed; what the tunnel would carry is ignored
                self.parser = httptools.HttpRequestParser(self)
                return b""
            head = self._head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            return head + data[upgrade.args[0] :]
        return b""

    def on_headers_complete(self) -> None:
        if not self._is_read_again():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._is_read_again():
            super().on_message_complete()

    def _is_read_again(self) -> bool:
        return self.parser.should_upgrade() and not self._tunnels()

    def _tunnels(self) -> bool:
        return bool(self.parser.get_method() == b"CONNECT")

    def _head_without_upgrade(self) -> bytes:
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = [b"%b: %b\r\n" % field for field in map(_without_upgrade, self.headers) if field is not None]
        return b"%b%b\r\n" % (line, b"".join(kept))

    def _refuse(self, request_id: str) -> None:
        """Answer 400 and close: the start of the next request is unknown, and this may not be HTTP at all."""
        detail = "this is not HTTP/1.1, or a method that does not exist"
        body = to_json(problem_body(status=400, code="malformed_request", detail=detail, request_id=request_id))
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            f"{REQUEST_ID.lower()}: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _without_upgrade(field: tuple[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """A header without the request to upgrade; None where nothing of it is left."""
    name, content = field
    if name in _OF_UPGRADES:
        return None
    if name == b"connection":
        options = [option.strip() for option in content.split(b",")]
        kept = [option for option in options if option.lower() not in _OF_UPGRADES]
        return (name, b", ".join(kept)) if kept else None
    return field
