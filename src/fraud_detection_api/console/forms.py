"""Forms: read within the limits of every body, and taken only from the session's own pages."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from fraud_detection_api.console.visitors import Visitor
from fraud_detection_api.errors import FraudError, MalformedBody, UnsupportedMedia
from fraud_detection_api.routes.protocol.body import RequestLimits, headers_of, read_body
from fraud_detection_api.routes.protocol.browsers import BrowserGuard
from fraud_detection_api.routes.protocol.dependencies import service_of
from fraud_detection_api.services.admission.entrance import Entrance

Form = Mapping[str, str]

TOKEN = "form_token"  # noqa: S105 a field's name
_MEDIA_TYPE = b"application/x-www-form-urlencoded"
_MOST_BYTES, _MOST_FIELDS = 16 * 1024, 50


class StaleForm(FraudError):
    """A form does not belong to the session that sends it."""

    def __init__(self) -> None:
        super().__init__("this form belongs to another session; open its page again")


async def read_form(request: Request) -> Form:
    """The fields of a form that a page of this server sent; of a field that occurs twice, the last.

    Raises ForeignOrigin, UnsupportedMedia, MalformedBody, and as `read_body`.
    """
    headers, caller = headers_of(request.scope), request.state.caller
    service_of(request, BrowserGuard).require_own_page(headers)
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != _MEDIA_TYPE:
        raise UnsupportedMedia("send a form: application/x-www-form-urlencoded")
    limits = service_of(request, RequestLimits)._replace(body_bytes=_MOST_BYTES)
    bodies = service_of(request, Entrance).bodies
    body, held = await read_body(headers, request.receive, limits, bodies, caller)
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise MalformedBody("the form cannot be read") from error
    finally:
        if held:
            bodies.give_back(caller, held)


def require_own_form(form: Form, visitor: Visitor) -> None:
    """Raise StaleForm unless the form was made for this visitor's session."""
    if not hmac.compare_digest(form.get(TOKEN, "").encode(), visitor.form_token.encode()):
        raise StaleForm
