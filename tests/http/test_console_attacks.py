"""Attacks on the console that walk over its table of access, so that a new page or action is attacked without a new test."""

import pytest

from fraud_detection_api.console.access import ACCESS, EVERYBODY, FOR_LEADS, SIGN_IN
from fraud_detection_api.console.route import ConsoleRoute
from fraud_detection_api.console.site import ROUTERS
from fraud_detection_api.services.accounts.account_store import ROLES
from support.besieged import SECRET, besieged, post, token
from support.console import ORIGIN

ACTIONS = [path for method, path in ACCESS if method == "POST"]
FORM = {
    "seen": "1",
    "version": "2",
    "reason": "it finds more",
    "force": "yes",
    "verdict": "fraud",
    "note": "a note",
    "name": "mine",
    "remove": "mine",
    "password": "x",
}
"""Fields with which every action would be done."""

FOREIGN = [
    {},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:81"},
    {"Origin": "http://localhost.elsewhere.example"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"},
    {"Referer": "http://localhost/console"},
]
"""Headers of a form on another page; a browser sets them, and no page can."""


@pytest.fixture(scope="module")
def siege(tmp_path_factory):
    with besieged(tmp_path_factory.mktemp("siege")) as siege:
        yield siege


def test_the_table_has_every_route_and_each_is_the_consoles():
    routes = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, ConsoleRoute) for route in routes)
    assert {(method, route.path) for route in routes for method in route.methods} == ACCESS.keys()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_the_table_says_and_a_refusal_says_and_does_nothing(siege, role):
    browser = siege.session(role)
    before = siege.state()
    refused = [
        key
        for key, allowed in ACCESS.items()
        if (allowed is not EVERYBODY and role not in allowed) or (role == "analyst" and key in FOR_LEADS)
    ]
    for method, path in refused:
        address = siege.address(path)
        answer = browser.get(address) if method == "GET" else post(browser, address, **FORM)
        assert answer.status_code == 403, (method, path)
        assert SECRET not in answer.text
        assert siege.decisions["secret"] not in answer.text
    assert siege.state() == before
    for method, path in ACCESS.keys() - {*refused, ("POST", SIGN_IN)}:
        address = siege.address(path)
        # without what its form needs, so that nothing is done here
        answer = browser.get(address) if method == "GET" else post(siege.session(role), address)
        assert answer.status_code not in (403, 500), (method, path)


def test_nobody_gets_anything_but_the_way_to_sign_in(siege):
    before = siege.state()
    for (method, path), allowed in ACCESS.items():
        address, stranger = siege.address(path), siege.stranger()
        stranger.get("/console/sign-in")
        answer = (
            stranger.get(address) if method == "GET" else post(stranger, address, token(stranger, "fraud_form"), **FORM)
        )
        if allowed is EVERYBODY:
            continue
        assert (answer.status_code, answer.content) == (303, b""), (method, path)
        assert answer.headers["location"].startswith("/console/sign-in")
    attempts = "sign_in_attempts"  # by the one form that is for nobody signed in
    assert siege.state() | {attempts: []} == before | {attempts: []}


@pytest.mark.parametrize("path", ACTIONS)
def test_an_action_is_done_for_no_other_page_and_no_other_session(siege, path):
    address, role = (
        siege.address(path),
        next(role for role in reversed(ROLES) if role in (ACCESS["POST", path] or ROLES)),
    )
    browser, other = siege.session(role), siege.session("monitor")
    before = siege.state()
    forged = ["", "wrong", "0" * 64, "\u00e9", token(other), browser.cookies["fraud_session"]]
    answers = [post(browser, address, each, **FORM) for each in forged]
    answers += [post(browser, address, headers=each, **FORM) for each in FOREIGN]
    answers += [browser.post(address, data=FORM, headers=ORIGIN)]
    assert {each.status_code for each in answers} == {403}
    own = {"form_token": token(browser), **FORM}
    assert browser.post(address, json=own, headers=ORIGIN).status_code == 415
    assert browser.post(address, content=repr(own), headers={"Content-Type": "text/plain", **ORIGIN}).status_code == 415
    assert browser.post(address, data=own, files={"a": b"b"}, headers=ORIGIN).status_code == 415
    answer = browser.post(address, params=own, headers={"Content-Type": "application/x-www-form-urlencoded", **ORIGIN})
    assert answer.status_code == 403  # a token in an address is none
    assert siege.state() == before


@pytest.mark.parametrize("path", ACTIONS)
def test_no_other_method_does_an_action(siege, path):
    browser = siege.session("admin")
    address, own = siege.address(path), {"form_token": token(browser), **FORM}
    before = siege.state(leases=False)
    override = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST", "X-HTTP-Method": "POST", **ORIGIN}
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"):
        answer = browser.request(method, address, data=own, headers=override)
        assert answer.status_code in (403, 404, 405), method
    for method in ("GET", "HEAD"):
        browser.request(method, address, params={"_method": "POST", **own}, headers=override)
    after = siege.state(leases=False)  # to open a case leases it
    trail = "console_audit"  # a page of a case says there that somebody saw it
    assert {what for *_, what, _ in set(after[trail]) - set(before[trail])} <= {"case_viewed"}
    assert after | {trail: []} == before | {trail: []}


def test_no_way_to_write_an_address_gets_around_the_table(siege):
    number = siege.decisions["secret"]
    written = [
        f"/console//decisions/{number}",
        f"//console/decisions/{number}",
        f"/console/./decisions/{number}",
        f"/console/x/../decisions/{number}",
        f"/console/%2e%2e/console/decisions/{number}",
        f"/console/decisions%2f{number}",
        f"/%63onsole/decisions/{number}",
        f"/console/decisions/{number}/",
        f"/console/decisions/{number}%20",
        f"/console/decisions/{number}%00",
        f"/console/decisions/{number};x=1",
        f"/console/decisions/{number}.css",
        f"/console/static/../decisions/{number}",
        f"/console/static/%2e%2e%2fdecisions%2f{number}",
        f"/console/sign-in/../decisions/{number}",
        f"/CONSOLE/decisions/{number}",
        f"/Console/Decisions/{number}",
        f"/console/decisions/{number.upper()}",
        f"/console/decisions/{number.replace('-', '')}",
        f"/console\\decisions\\{number}",
        "/console/decisions.csv/",
        "/console/static/..%2f..%2fsite.py",
        "/console/static/%2e%2e/access.py",
    ]
    for browser in (siege.stranger(), siege.session("monitor")):
        for path in written:
            for method in ("GET", "HEAD"):
                answer = browser.request(method, f"http://localhost{path}")
                assert answer.status_code in (303, 307, 400, 403, 404), path
                assert SECRET not in answer.text
                assert "def " not in answer.text


def test_no_header_makes_somebody_else_of_a_visitor(siege):
    claims = {
        "Authorization": "Bearer admin",
        "X-Forwarded-User": "admin",
        "X-Remote-User": "admin",
        "X-Forwarded-For": "127.0.0.1",
        "X-Original-URL": "/console/audit",
        "X-Rewrite-URL": "/console/audit",
        "X-Forwarded-Prefix": "/elsewhere",
        "X-Forwarded-Host": "elsewhere.example",
        "Cookie": "fraud_session=; fraud_session=admin; role=admin",
    }
    stranger, monitor = siege.stranger(), siege.session("monitor")
    answer = stranger.get("/console/audit", headers=claims)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?next=/console/audit")
    del claims["Cookie"]
    assert monitor.get("/console/audit", headers=claims).status_code == 403
    page = monitor.get("/console", headers=claims)
    assert page.status_code == 200
    assert 'href="/elsewhere' not in page.text


@pytest.mark.parametrize("host", ["elsewhere.example", "localhost.elsewhere.example", "localhost@elsewhere.example"])
def test_a_name_that_leads_here_from_elsewhere_is_no_name_of_this_server(siege, host):
    browser = siege.session("admin")
    for path in ("/console", "/console/sign-in", "/console/absent"):
        assert browser.get(path, headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/console",
        "//elsewhere.example/console",
        "/\\elsewhere.example",
        "/console//elsewhere.example",
        "/console/../docs",
        "/console/./docs",
        "/console@elsewhere.example",
        "/console.elsewhere.example",
        "/consoles",
        "/docs",
        "javascript:alert(1)",
        "/console\r\nSet-Cookie: a=b",
        "/console\n//elsewhere.example",
        "/console?a=b#//elsewhere.example",
        "\u2215console",
    ],
)
def test_whoever_is_signed_in_is_led_to_pages_of_the_console_alone(siege, target):
    answer = siege.session("monitor").get("/console/sign-in", params={"next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert set(answer.headers) & {"set-cookie", "refresh"} <= {"set-cookie"}


def test_a_session_is_known_by_its_whole_token_alone(siege):
    browser = siege.session("admin")
    own = browser.cookies["fraud_session"]
    for guess in ("", own[:-1], own + "=", own.swapcase(), f" {own}x", "0", "é", own.encode().hex(), "' OR 1=1 --"):
        guesser = siege.stranger()
        cookie = [(b"cookie", f"fraud_session={guess}".encode())]
        assert guesser.get("/console", headers=cookie).status_code == 303
    assert browser.get("/console").status_code == 200
