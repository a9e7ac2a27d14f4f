"""Behind a proxy that takes a prefix off each path, links still lead to this server."""

import pytest

from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.routes.protocol.prefix import PublicPrefix
from fraud_detection_api.settings import Settings


def prefix_of(prefix: PublicPrefix, *sent: str, client: str | None = "10.0.0.7") -> str:
    headers = [(b"x-forwarded-prefix", each.encode()) for each in sent]
    return prefix.of({"headers": headers, "client": None if client is None else (client, 50000)})


def root(client, **headers) -> str:
    answer = client.get("/", headers=headers, follow_redirects=False)
    assert answer.status_code == 307
    return answer.headers["location"]


def servers(client, **headers) -> list[str]:
    return [each["url"] for each in client.get("/openapi.json", headers=headers).json()["servers"]]


def test_without_a_known_prefix_links_are_relative(client):
    assert (root(client), servers(client)) == ("docs", ["./"])
    assert "url: './openapi.json'" in client.get("/docs").text


def test_the_root_leads_to_the_documentation(client):
    assert client.get("/").url.path == "/docs"


def test_a_configured_prefix_is_in_links(client_for):
    client = client_for(root_path="/fraud/")
    assert (root(client), servers(client)) == ("/fraud/docs", ["/fraud"])
    assert client.get("/ping").status_code == 200


def test_a_trusted_proxy_names_the_prefix(client_for):
    client = client_for(root_path="/own", trusted_proxies="10.0.0.0/8")
    named = {"X-Forwarded-Prefix": "/fraud"}
    assert (root(client, **named), servers(client, **named)) == ("/own/docs", ["/own"])
    client._transport.client = ("10.0.0.7", 50000)
    assert (root(client, **named), servers(client, **named)) == ("/fraud/docs", ["/fraud"])
    assert servers(client) == ["/own"]


@pytest.mark.parametrize(
    ("trusted", "client", "found"),
    [
        ("10.0.0.7", "10.0.0.7", "/fraud"),
        ("192.0.2.1, 10.0.0.0/8", "10.9.9.9", "/fraud"),
        ("10.0.0.7/8", "10.9.9.9", "/fraud"),
        ("10.0.0.7", "::ffff:10.0.0.7", "/fraud"),
        ("2001:db8::/32", "2001:db8::1", "/fraud"),
        ("10.0.0.7", "10.0.0.8", ""),
        ("", "127.0.0.1", ""),
        ("10.0.0.7", None, ""),
        ("10.0.0.7", "testclient", ""),
    ],
)
def test_only_a_trusted_address_names_it(trusted, client, found):
    assert prefix_of(PublicPrefix("", trusted), "/fraud", client=client) == found


@pytest.mark.parametrize(
    "sent",
    [
        ["//evil.example"],
        ["https://evil.example"],
        ["/a b"],
        ["/a\\b"],
        ["fraud"],
        [""],
        ["/a", "/b"],
        ["/a, /b"],
        ["/" + "a" * 256],
    ],
)
def test_a_header_that_is_no_prefix_is_ignored(sent):
    assert prefix_of(PublicPrefix("/own", "10.0.0.7"), *sent) == "/own"


@pytest.mark.parametrize(
    ("name", "text"), [("trusted_proxies", "10.0.0.0/99"), ("root_path", "fraud"), ("root_path", "//evil")]
)
def test_a_setting_that_cannot_be_used_is_named(name, text):
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_environment({f"FRAUD_{name.upper()}": text})
    assert caught.value.name == f"FRAUD_{name.upper()}"
