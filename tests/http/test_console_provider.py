"""Signing in to the console with a provider of identities: a real one, in a process of its own."""

import re
import socket
import subprocess
import sys

import httpx2
import pytest

from fraud_detection_api.container.process import build_container
from fraud_detection_api.errors import InvalidSetting
from fraud_detection_api.services.accounts.sessions import form_token
from fraud_detection_api.settings import Settings
from support.console import PASSWORD, cookie_of, send
from support.fakes import InMemoryRegistry
from support.polling import eventually

CONSOLE = "http://localhost/console"


@pytest.fixture(scope="module")
def provider():
    """The address of a provider that has people as they are put there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "oidc_provider_mock",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--require-nonce=1",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: _answers(url), "the provider answers")
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture
def served(serve, provider, tmp_path):
    mapped = "lead=fraud-leads, analyst=fraud, admin=it"
    return serve(
        f"sqlite:///{tmp_path / 'decisions.db'}",
        oidc_issuer=provider,
        oidc_client_id="console",
        oidc_client_secret="secret of the console",
        oidc_roles=mapped,
        oidc_roles_claim="groups",
        console_url=CONSOLE,
    )


def put(provider: str, subject: str, name: str, *groups: str) -> str:
    claims = {"preferred_username": name, "groups": list(groups)}
    assert httpx2.put(f"{provider}/users/{subject}", json=claims).status_code == 204
    return subject


def begin(browser, path="/console/decisions?outcome=review") -> str:
    """Open a page, and follow to the provider; returns its address."""
    asked = browser.get(path, follow_redirects=False)
    page = browser.get(asked.headers["location"])
    link = re.search(r'class="button" href="([^"]+)"', page.text)[1].replace("&amp;", "&")
    assert PASSWORD not in page.text
    assert 'type="password"' not in page.text
    return browser.get(link, follow_redirects=False).headers["location"]


def authorise(url: str, subject: str, **form: str) -> str:
    """What a person does at the provider; returns where it leads the browser, below the console's host."""
    answer = httpx2.post(url, data={"sub": subject, **form})
    back = answer.headers["location"]
    assert back.startswith(f"{CONSOLE}/sign-in/return?")
    return back.removeprefix("http://localhost")


def come_in(browser, provider, subject, name, *groups):
    put(provider, subject, name, *groups)
    return browser.get(authorise(begin(browser), subject), follow_redirects=False)


def test_a_person_comes_in_with_the_role_of_their_group_and_back_to_their_page(served, provider):
    browser = served.browser()
    answer = come_in(browser, provider, "7", "Mira", "everybody", "fraud")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/decisions?outcome=review")
    assert "mira, analyst" in browser.get("/console").text
    [account] = served.accounts.accounts()
    assert (account.name, account.role, account.is_lead, account.from_provider) == ("mira", "analyst", False, True)
    deeds = [(line.who, line.what, line.about) for line in served.accounts.trail(limit=9)]
    assert deeds == [("mira", "signed_in", "mira"), ("127.0.0.1", "account_added", "mira")]


def test_another_group_is_another_role_from_the_next_sign_in_on(served, provider):
    for groups, role, is_lead in (
        (["fraud"], "analyst", False),
        (["fraud-leads"], "analyst", True),
        (["it"], "admin", False),
    ):
        browser = served.browser()
        assert come_in(browser, provider, "7", "mira", *groups).status_code == 303
        [account] = served.accounts.accounts()
        assert (account.role, account.is_lead) == (role, is_lead)


@pytest.mark.parametrize(
    ("name", "groups", "words"),
    [("mira", ["sales"], "gives you no role"), ("not a name!", ["fraud"], "does not say a name")],
)
def test_a_person_without_a_role_or_a_name_stays_outside(served, provider, name, groups, words):
    browser = served.browser()
    answer = come_in(browser, provider, "8", name, *groups)
    assert answer.status_code == 403
    assert words in answer.text
    assert browser.get("/console", follow_redirects=False).status_code == 303
    assert served.accounts.accounts() == []


def test_nobody_gets_the_account_of_somebody_else_of_the_same_name(served, provider):
    served.add("mira", "admin")
    assert "belongs to another account" in come_in(served.browser(), provider, "7", "mira", "fraud").text
    assert come_in(served.browser(), provider, "9", "omar", "fraud").status_code == 303
    assert come_in(served.browser(), provider, "10", "omar", "it").status_code == 403
    assert [(each.name, each.role) for each in served.accounts.accounts()] == [("mira", "admin"), ("omar", "analyst")]


def test_another_browser_cannot_finish_the_sign_in(served, provider):
    browser, other = served.browser(), served.browser()
    back = authorise(begin(browser), put(provider, "7", "mira", "fraud"))
    begin(other)
    for each in (other, served.browser()):
        answer = each.get(back, follow_redirects=False)
        assert (answer.status_code, "begun in another browser" in answer.text) == (403, True)
    assert browser.get(back, follow_redirects=False).status_code == 303
    assert browser.get(back, follow_redirects=False).status_code == 403  # it is spent


def test_a_person_who_is_refused_there_is_told_so(served, provider):
    browser = served.browser()
    url = begin(browser)
    back = authorise(url, put(provider, "7", "mira", "fraud"), action="deny")
    state = re.search(r"state=\w+", url)[0]  # which this provider leaves out of refusals
    answer = browser.get(f"{back}&{state}", follow_redirects=False)
    assert (answer.status_code, "did not sign you in" in answer.text) == (403, True)


def test_what_the_provider_leads_back_to_is_a_page_of_the_console(served, provider):
    browser = served.browser()
    put(provider, "7", "mira", "fraud")
    to_provider = browser.get("/console/sign-in/provider?next=https://elsewhere.example", follow_redirects=False)
    cookie = cookie_of(to_provider, "fraud_sign_in")
    assert (cookie["path"], cookie["httponly"], cookie["max-age"]) == ("/console", True, "600")
    back = authorise(to_provider.headers["location"], "7")
    assert browser.get(back, follow_redirects=False).headers["location"] == "/console"


def test_no_password_opens_a_session_where_there_is_a_provider(served):
    served.add("omar", "admin")
    browser = served.browser()
    browser.get("/console/sign-in")
    token = form_token(browser.cookies["fraud_form"])
    assert send(browser, "/console/sign-in", token, name="omar", password=PASSWORD).status_code == 404
    assert "fraud_session" not in browser.cookies


def test_secrets_of_a_sign_in_are_in_no_log(served, provider, log_text):
    browser = served.browser()
    url = begin(browser)
    answer = browser.get(authorise(url, put(provider, "7", "mira", "fraud")), follow_redirects=False)
    assert answer.status_code == 303
    state = re.search(r"state=(\w+)", url)[1]
    for secret in (state, browser.cookies["fraud_session"], "secret of the console"):
        assert secret not in log_text()


def test_a_provider_that_is_away_is_a_page_that_says_so(serve, tmp_path):
    served = serve(
        f"sqlite:///{tmp_path / 'decisions.db'}",
        oidc_issuer="http://127.0.0.1:9",
        oidc_client_id="console",
        console_url=CONSOLE,
    )
    answer = served.browser().get("/console/sign-in/provider", follow_redirects=False)
    assert answer.status_code == 503
    assert "provider of identities cannot be used now" in answer.text
    assert served.browser().get("/console", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "FRAUD_CONSOLE_URL"),
        ({"console_url": CONSOLE, "oidc_client_id": ""}, "FRAUD_OIDC_CLIENT_ID"),
        ({"console_url": "http://fraud.bank.example/console"}, "FRAUD_CONSOLE_URL"),
        ({"console_url": CONSOLE, "oidc_issuer": "http://id.bank.example"}, "FRAUD_OIDC_ISSUER"),
        ({"console_url": CONSOLE, "oidc_roles": "boss=everybody"}, "FRAUD_OIDC_ROLES"),
    ],
)
def test_settings_that_sign_nobody_in_stop_the_start(tmp_path, settings, name):
    complete = {"oidc_issuer": "https://id.bank.example", "oidc_client_id": "console", **settings}
    with pytest.raises(InvalidSetting, match=name):
        build_container(
            Settings(store=f"sqlite:///{tmp_path / 'decisions.db'}", **complete), registry=InMemoryRegistry()
        )
