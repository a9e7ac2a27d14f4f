"""Keeps web pages from using a server without keys through the browser of somebody who can reach it.

A page of any site may send requests to 127.0.0.1. It can read no answer of another origin, unless its own name leads here
(DNS rebinding): then `Host` has that name. And it may ask for a change without a preflight, if the request looks like a
form's: then `Origin` has the page's site.
"""

from ipaddress import ip_address
from typing import NamedTuple

from fraud_detection_api.errors import ForeignOrigin, HostNotAllowed, UnsupportedMedia
from fraud_detection_api.routes.protocol.body import Headers
from fraud_detection_api.routes.protocol.security_headers import Fields

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ANY_HOST = frozenset({"/ping", "/livez"})
"""Probes may send any name, and these say nothing."""

_REMEMBERED = 256


class Protection(NamedTuple):
    """How a server is protected against web pages: a guard where there is one, and the headers of each answer.

    Without `fields`, an answer gets the headers that its content needs.
    """

    guard: "BrowserGuard | None" = None
    fields: Fields = ()


UNPROTECTED = Protection()


class BrowserGuard:
    """Checks `Host` and `Origin`. Without `allowed_hosts` it allows addresses and localhost.

    An address cannot be rebound: a page whose origin is an address came from that address.
    """

    def __init__(self, allowed_hosts: str, *, has_keys: bool) -> None:
        names = [name.strip().lower() for name in allowed_hosts.split(",") if name.strip()]
        self._names = {"localhost", *names}
        self._endings = tuple(name[1:] for name in names if name.startswith("*."))
        self._checks_host = "*" not in names and (bool(names) or not has_keys)
        self._checks_origin = not has_keys  # a page does not have the key
        self._accepted: set[bytes] = set()

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to check."""
        return self._checks_host or self._checks_origin

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raises HostNotAllowed, ForeignOrigin."""
        host = headers.get(b"host", b"")
        if host not in self._accepted and host and self._checks_host and path not in _ANY_HOST:
            self._require_allowed(host)
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if (origin or site) and self._checks_origin and method not in _SAFE_METHODS:
            self._require_own(origin or b"", host, site or b"")

    def require_own_page(self, headers: Headers) -> None:
        """Raise ForeignOrigin unless a page of this server sends the request, also where keys are set.

        A browser says `Sec-Fetch-Site` where it trusts the connection: that holds behind a proxy that changes `Host`, too.
        """
        origin, site = headers.get(b"origin", b""), headers.get(b"sec-fetch-site", b"")
        if site != b"same-origin":
            self._require_own(b"" if site else origin, headers.get(b"host", b""), site or b"cross-site")

    def require_preflight(self, headers: Headers) -> None:
        """Raise UnsupportedMedia for a POST without a body that any page could have sent in an old browser.

        JSON makes a browser ask first (a preflight), and so does X-Requested-With. A browser that names its origin is not
        old, and was checked.
        """
        json = headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == b"application/json"
        if self._checks_origin and not (json or headers.keys() & {b"x-requested-with", b"origin", b"sec-fetch-site"}):
            raise UnsupportedMedia("send the header Content-Type: application/json, also without a body")

    def _require_allowed(self, host: bytes) -> None:
        if not self._allows(_name_of(host.decode("latin-1"))):
            raise HostNotAllowed
        if len(self._accepted) < _REMEMBERED:
            self._accepted.add(host)

    def _allows(self, name: str) -> bool:
        return name in self._names or name.endswith(self._endings) or _is_address(name)

    def _require_own(self, origin: bytes, host: bytes, site: bytes) -> None:
        if origin:
            sent_from = origin.decode("latin-1").partition("://")[2].lower()
            own = {host.decode("latin-1").lower()} - {""}
            if sent_from in own or _name_of(sent_from) in self._names - {"localhost"}:
                return
        elif site in (b"same-origin", b"none"):
            return
        raise ForeignOrigin


def _name_of(host: str) -> str:
    """A host without its port, in lower case.

    >>> _name_of("Localhost:8000"), _name_of("[::1]:8000"), _name_of("10.0.0.7")
    ('localhost', '::1', '10.0.0.7')
    """
    name, _, _ = host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "")
    return name.strip("[]").rstrip(".").lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
