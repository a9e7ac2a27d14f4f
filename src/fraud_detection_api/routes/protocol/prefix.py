"""The path under which callers know this server, where a proxy takes it off each request."""

import re
from ipaddress import ip_address, ip_network

from starlette.types import Scope

FORWARDED_PREFIX = b"x-forwarded-prefix"
_PREFIX = re.compile(rb"(?:/[A-Za-z0-9._~-]+)+/?")
_LONGEST_PREFIX = 256


class PublicPrefix:
    """The prefix of a request: that of a trusted proxy's header `X-Forwarded-Prefix`, else the one of the settings.

    Anybody can send the header, and a link made from it would lead elsewhere. So only proxies at these addresses, or in
    these networks, may name a prefix.
    """

    def __init__(self, root_path: str, trusted_proxies: str) -> None:
        self._own = root_path.rstrip("/")
        self._trusted = [ip_network(each.strip(), strict=False) for each in trusted_proxies.split(",") if each.strip()]

    def of(self, scope: Scope) -> str:
        """The prefix, without a slash at its end; empty where nothing is known of one."""
        named = [content for name, content in scope["headers"] if name == FORWARDED_PREFIX] if self._trusted else []
        if len(named) == 1 and self.is_from_proxy(scope) and _is_prefix(named[0]):
            return str(named[0].decode("ascii").rstrip("/"))
        return self._own

    def is_from_proxy(self, scope: Scope) -> bool:
        """Whether one of these proxies sends the request."""
        host, _ = scope.get("client") or ("", 0)
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        known = getattr(address, "ipv4_mapped", None) or address
        return any(known in network for network in self._trusted)


def _is_prefix(sent: bytes) -> bool:
    return len(sent) <= _LONGEST_PREFIX and _PREFIX.fullmatch(sent) is not None
