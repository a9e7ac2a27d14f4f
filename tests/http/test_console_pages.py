"""The console's pages: who opens which, what each says, and what no page allows."""

import re

import pytest

from fraud_detection_api.console.access import ACCESS
from fraud_detection_api.console.route import ConsoleRoute
from support.console import HTML, cookie_of, send, sign_in, token_of
from support.http import API_KEYS


def test_a_role_that_may_not_gets_a_page_that_says_so(served, signed_in, monkeypatch):
    monkeypatch.setitem(ACCESS, ("GET", "/console"), frozenset({"admin"}))
    answer = signed_in.get("/console")
    assert (answer.status_code, answer.headers["content-type"]) == (403, HTML)
    assert "role analyst may not open this page" in answer.text


def test_a_route_that_is_not_in_the_table_cannot_be_made():
    with pytest.raises(LookupError):
        ConsoleRoute("/console/secret", lambda: None, methods=["GET"])


def every_page(serve, served, tmp_path):
    """An answer of each page, in each state."""
    browser = served.browser()
    yield browser.get("/console/sign-in")
    yield sign_in(browser, "mira", "wrong horse battery")
    yield sign_in(browser, "mira")
    yield browser.get("/console")
    yield browser.get("/console/absent")
    yield send(browser, "/console/sign-out", "wrong")
    yield serve("none").browser().get("/console")
    yield serve(f"sqlite:///{tmp_path / 'other.db'}", api_keys=API_KEYS).browser().get("/console")
    yield serve(f"sqlite:///{tmp_path / 'open.db'}").browser().get("/console")


def test_no_page_has_a_script_of_its_own_loads_from_elsewhere_or_is_framed(serve, served, tmp_path):
    for answer in every_page(serve, served, tmp_path):
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert not re.search(r"<script(?! src=\"/console/static/keys-[0-9a-f]{16}\.js\" defer></script>)", answer.text)
        assert not re.search(r"\son[a-z]+=|javascript:", answer.text)
        assert " style=" not in answer.text
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert len(answer.content) < 150_000


def test_without_accounts_and_keys_all_is_open_on_loopback_and_each_page_says_so(serve, tmp_path):
    browser = serve(f"sqlite:///{tmp_path / 'decisions.db'}").browser()
    for path, status in (("/console", 200), ("/console/absent", 404)):
        page = browser.get(path)
        assert page.status_code == status
        assert "nobody has an account. Anybody who reaches this port can act." in page.text
    assert browser.get("/console/sign-in", follow_redirects=False).headers["location"] == "/console"


@pytest.mark.parametrize("settings", [{"api_keys": API_KEYS}, {"host": "0.0.0.0", "allow_anonymous": True}])
def test_without_accounts_a_server_that_others_reach_is_closed_and_says_how_to_make_one(serve, tmp_path, settings):
    browser = serve(f"sqlite:///{tmp_path / 'decisions.db'}", **settings).browser()
    for path in ("/console", "/console/sign-in", "/console/absent"):
        page = browser.get(path)
        assert page.status_code == 403
        assert "fraud users add NAME --role admin" in page.text


def test_a_console_on_postgresql_opens_a_session_shows_its_page_and_ends_it(postgres_url, serve):
    served = serve(postgres_url)
    served.add("mira")
    browser = served.browser()
    assert sign_in(browser, "mira").status_code == 303
    page = browser.get("/console")
    assert page.status_code == 200
    assert "Decisions today" in page.text
    send(browser, "/console/sign-out", token_of(page))
    assert browser.get("/console", follow_redirects=False).status_code == 303


def test_the_first_account_closes_a_console_that_was_open(serve, tmp_path):
    served = serve(f"sqlite:///{tmp_path / 'decisions.db'}")
    browser = served.browser()
    assert browser.get("/console").status_code == 200
    served.add("mira")
    assert browser.get("/console", follow_redirects=False).status_code == 303


def test_without_a_store_there_is_one_page_that_says_so(serve):
    browser = serve("none").browser()
    for path in ("/console", "/console/sign-in", "/console/absent"):
        page = browser.get(path)
        assert page.status_code == 503
        assert "The console needs a decision store" in page.text


def test_a_store_that_is_away_is_a_page_that_names_no_file(served, signed_in, tmp_path):
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_suffix(".away"))
    answer = signed_in.get("/console")
    assert (answer.status_code, answer.headers["content-type"]) == (503, HTML)
    assert str(tmp_path) not in answer.text


def test_an_address_of_no_page_is_a_page(signed_in):
    answer = signed_in.get("/console/absent<script>")
    assert (answer.status_code, answer.headers["content-type"]) == (404, HTML)
    assert "<script>" not in answer.text


def test_the_stylesheet_is_kept_for_a_year_under_a_name_that_changes_with_it(signed_in):
    page = signed_in.get("/console").text
    href = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    asset = signed_in.get(href)
    assert asset.status_code == 200
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"] == "text/css; charset=utf-8"
    assert signed_in.get("/console/static/console.css").status_code == 404


def test_behind_a_prefix_links_cookies_and_forms_have_it(serve, tmp_path):
    served = serve(f"sqlite:///{tmp_path / 'decisions.db'}", root_path="/fraud")
    served.add("mira")
    browser = served.browser()
    assert browser.get("/console", follow_redirects=False).headers["location"].startswith("/fraud/console/sign-in?")
    page = browser.get("/console/sign-in")
    assert 'action="/fraud/console/sign-in"' in page.text
    assert 'href="/fraud/console/static/' in page.text
    assert cookie_of(page, "fraud_form")["path"] == "/fraud/console"


def test_the_console_is_no_part_of_the_programs_api(browser):
    assert not [path for path in browser.get("/openapi.json").json()["paths"] if path.startswith("/console")]
