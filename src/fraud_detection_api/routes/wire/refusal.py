"""What a connection refuses by itself, before any route has a say. Each refusal is a problem and closes the connection."""

from http import HTTPStatus

from pydantic_core import to_json

from fraud_detection_api.routes.protocol.context import REQUEST_ID
from fraud_detection_api.routes.protocol.security_headers import secured
from fraud_detection_api.schemas.problem import MEDIA_TYPE, problem_body

RETRY_AFTER_SECONDS = 1

_SECURITY = "".join(f"{name.decode()}: {content.decode()}\r\n" for name, content in secured(()))


class Refused(Exception):
    """A request, or a connection, that is answered with a problem of this status and code."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


_NOT_HTTP = "this is not HTTP/1.1: the method is unknown, a field is malformed, or the body has more than one length"


def malformed(detail: str = _NOT_HTTP) -> Refused:
    """The refusal of what breaks HTTP's own rules (RFC 9112)."""
    return Refused(400, "malformed_request", detail)


def head_too_large(detail: str) -> Refused:
    """The refusal of a head beyond a limit."""
    return Refused(431, "head_too_large", detail)


def head_too_slow(seconds: float) -> Refused:
    """The refusal of a head that does not arrive in time."""
    return Refused(408, "head_too_slow", f"the request's head did not arrive within {seconds:g} seconds")


def too_many_connections() -> Refused:
    """The refusal of a connection beyond the limits."""
    return Refused(503, "too_many_connections", "too many connections are open; use fewer, and keep them open")


def failed() -> Refused:
    """The answer where an application gave none."""
    return Refused(500, "unexpected_error", "an unexpected error; the server's log has it under this request_id")


def answer_to(refused: Refused, request_id: str) -> bytes:
    """The whole answer."""
    content = to_json(
        problem_body(status=refused.status, code=refused.code, detail=refused.detail, request_id=request_id)
    )
    head = (
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n"
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\n"
        f"{REQUEST_ID.lower()}: {request_id}\r\nconnection: close\r\n{_SECURITY}"
    )
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        head += f"retry-after: {RETRY_AFTER_SECONDS}\r\n"
    return f"{head}\r\n".encode() + content
