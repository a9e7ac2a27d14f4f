"""The console: who gets in, for how long, and what nobody can do to a person who is in."""

import dataclasses
from http.cookies import SimpleCookie

import pytest
from starlette.testclient import TestClient

from fraud_detection_api.adapters.sql.accounts import SqlAccountStore
from fraud_detection_api.console.access import ACCESS
from fraud_detection_api.console.route import ConsoleRoute
from fraud_detection_api.console.site import ROUTERS
from fraud_detection_api.container.accounts import People
from fraud_detection_api.container.process import build_container
from fraud_detection_api.container.storage import build_database, build_store
from fraud_detection_api.main import create_app
from fraud_detection_api.services.accounts.account_store import ROLES
from fraud_detection_api.services.accounts.sessions import Sessions
from fraud_detection_api.services.accounts.signing_in import LocalAccounts, Throttle
from fraud_detection_api.settings import Settings
from support.console import ORIGIN, PASSWORD, send, sign_in, token_of
from support.fakes import InMemoryRegistry
from support.http import API_KEYS

MINUTE, HOUR = 60, 3600
HTML = "text/html; charset=utf-8"


class Served:
    """A console on a store of its own, on a clock that is stepped; `browser` makes another browser."""

    def __init__(self, location: str, **settings: object) -> None:
        self.now = [1_800_000_000.0]
        configured = Settings(store=location, **settings)
        container = build_container(configured, registry=InMemoryRegistry())
        database = build_database(configured)
        if database is not None:
            build_store(configured).migrate()
            store = SqlAccountStore(database)
            self.accounts = LocalAccounts(store, Throttle(of_name=3), lambda: self.now[0])
            people = People(self.accounts, Sessions(store, wall_clock=lambda: self.now[0]))
            container = dataclasses.replace(container, people=people)
        self.app = create_app(configured, container=container)

    def add(self, name: str, role="analyst") -> None:
        self.accounts.add(name, PASSWORD, role, is_lead=False, by="root")

    def browser(self, base_url="http://localhost") -> TestClient:
        return TestClient(self.app, base_url=base_url)


@pytest.fixture
def served(tmp_path) -> Served:
    """A console that mira may use, an analyst."""
    console = Served(f"sqlite:///{tmp_path / 'decisions.db'}")
    console.add("mira")
    return console


@pytest.fixture
def browser(served) -> TestClient:
    return served.browser()


@pytest.fixture
def signed_in(browser) -> TestClient:
    assert sign_in(browser, "mira").status_code == 303
    return browser


def cookie_of(answer, name: str):
    jar = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return jar[name]


def trail(served) -> list[tuple[str, str, str]]:
    return [(each.who, each.what, each.about) for each in served.accounts.trail(limit=100)]


def test_a_page_leads_to_sign_in_and_from_there_back_to_the_page(browser):
    answer = browser.get("/console/decisions?outcome=review", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=/console/decisions%3Foutcome%3Dreview"
    page = browser.get(answer.headers["location"])
    assert 'name="next" value="/console/decisions?outcome=review"' in page.text
    back = sign_in(browser, "mira", next="/console/decisions?outcome=review")
    assert back.headers["location"] == "/console/decisions?outcome=review"


def test_the_right_password_opens_a_session(served, browser):
    answer = sign_in(browser, "mira")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    page = browser.get("/console")
    assert page.status_code == 200
    assert "mira, analyst" in page.text
    assert trail(served)[0] == ("mira", "signed_in", "mira")


@pytest.mark.parametrize(("name", "password"), [("mira", "wrong horse battery"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_name_or_password_opens_none_and_says_the_same(browser, log_text, name, password):
    answer = sign_in(browser, name, password)
    assert answer.status_code == 403
    assert "This name and password do not belong to an account." in answer.text
    assert "fraud_session" not in browser.cookies
    assert browser.get("/console", follow_redirects=False).status_code == 303
    assert not password or password not in answer.text + log_text()


def test_the_session_cookie_is_for_this_console_alone_and_no_script_reads_it(browser):
    cookie = cookie_of(sign_in(browser, "mira"), "fraud_session")
    assert (cookie["path"], cookie["samesite"].lower(), cookie["httponly"], cookie["secure"]) == (
        "/console",
        "lax",
        True,
        "",
    )
    assert len(cookie.value) >= 43


def test_behind_tls_the_cookie_is_sent_over_tls_alone(browser):
    token = token_of(browser.get("/console/sign-in"))
    headers = {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}
    answer = send(browser, "/console/sign-in", token, headers, name="mira", password=PASSWORD)
    assert cookie_of(answer, "fraud_session")["secure"] is True


def test_the_token_is_stored_as_its_digest_alone(served, signed_in, tmp_path):
    token = signed_in.cookies["fraud_session"]
    assert all(token.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_token_from_before_the_sign_in_is_worth_nothing(served, browser):
    browser.cookies.set("fraud_session", "chosen-by-somebody-else", path="/console")
    sign_in(browser, "mira")
    assert browser.cookies.get("fraud_session", domain="localhost.local") != "chosen-by-somebody-else"
    other = served.browser()
    other.cookies.set("fraud_session", "chosen-by-somebody-else", path="/console")
    assert other.get("/console", follow_redirects=False).status_code == 303


def test_signing_in_again_ends_the_session_before(served, signed_in):
    before = signed_in.cookies["fraud_session"]
    page = signed_in.get("/console")
    send(signed_in, "/console/sign-in", token_of(page), name="mira", password=PASSWORD)
    assert signed_in.cookies["fraud_session"] != before
    other = served.browser()
    other.cookies.set("fraud_session", before, path="/console")
    assert other.get("/console", follow_redirects=False).status_code == 303


def test_a_session_without_use_ends_after_half_an_hour(served, signed_in):
    served.now[0] += 29 * MINUTE
    assert signed_in.get("/console", follow_redirects=False).status_code == 200
    served.now[0] += 30 * MINUTE
    assert signed_in.get("/console", follow_redirects=False).status_code == 303


def test_a_session_in_use_ends_after_twelve_hours(served, signed_in):
    for _ in range(12 * HOUR // (20 * MINUTE) - 1):
        served.now[0] += 20 * MINUTE
        assert signed_in.get("/console", follow_redirects=False).status_code == 200
    served.now[0] += 20 * MINUTE
    assert signed_in.get("/console", follow_redirects=False).status_code == 303


def test_signing_out_ends_the_session_in_the_store_too(served, signed_in):
    token = signed_in.cookies["fraud_session"]
    answer = send(signed_in, "/console/sign-out", token_of(signed_in.get("/console")))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    signed_in.cookies.set("fraud_session", token, path="/console")
    assert signed_in.get("/console", follow_redirects=False).status_code == 303
    assert trail(served)[0] == ("mira", "signed_out", "mira")


def test_a_removed_account_is_out_at_once(served, signed_in):
    served.add("omar", "admin")
    served.accounts.remove("mira", by="root")
    assert signed_in.get("/console", follow_redirects=False).status_code == 303


def test_a_name_is_throttled_also_for_the_right_password_until_its_time_is_over(served, browser):
    for _ in range(3):
        assert sign_in(browser, "mira", "wrong horse battery").status_code == 403
    answer = sign_in(browser, "mira")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    served.now[0] += 15 * MINUTE + 1
    assert sign_in(browser, "mira").status_code == 303


def test_a_sign_in_forgets_the_failures_before_it(browser):
    for _ in range(3):
        sign_in(browser, "mira", "wrong horse battery")
        sign_in(browser, "mira", "wrong horse battery")
        assert sign_in(browser, "mira").status_code == 303


def test_an_address_is_throttled_whatever_the_names(served):
    served.accounts._throttle = Throttle(of_address=4)
    browser = TestClient(served.app, base_url="http://localhost", client=("203.0.113.9", 5000))
    answers = [sign_in(browser, f"name{n}", "wrong horse battery").status_code for n in range(5)]
    assert answers == [403, 403, 403, 403, 429]
    assert sign_in(served.browser(), "mira").status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/console",
        "//elsewhere.example/console",
        "/\\elsewhere.example",
        "/console//elsewhere.example",
        "/console/../docs",
        "/console/%2e%2e/docs",
        "/docs",
        "javascript:alert(1)",
        "/console\r\nSet-Cookie: a=b",
    ],
)
def test_signing_in_leads_to_pages_of_the_console_alone(browser, target):
    answer = sign_in(browser, "mira", next=target)
    assert answer.headers["location"] in {"/console", "/console/%2e%2e/docs"}
    assert answer.headers["location"] == "/console" or "%2e" in target


@pytest.mark.parametrize("token", ["", "wrong", "0" * 64, "é"])
def test_a_form_without_its_token_is_refused(signed_in, token):
    answer = send(signed_in, "/console/sign-out", token)
    assert (answer.status_code, answer.headers["content-type"]) == (403, HTML)
    assert signed_in.get("/console", follow_redirects=False).status_code == 200


def test_a_form_of_another_session_is_refused(served, signed_in):
    served.add("omar", "admin")
    other = served.browser()
    sign_in(other, "omar")
    answer = send(signed_in, "/console/sign-out", token_of(other.get("/console")))
    assert answer.status_code == 403


def test_a_sign_in_form_of_another_browser_is_refused(served, browser):
    token = token_of(served.browser().get("/console/sign-in"))
    browser.get("/console/sign-in")
    assert send(browser, "/console/sign-in", token, name="mira", password=PASSWORD).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_from_another_page_is_refused_although_its_token_is_right(signed_in, headers):
    answer = send(signed_in, "/console/sign-out", token_of(signed_in.get("/console")), headers)
    assert answer.status_code == 403
    assert signed_in.get("/console", follow_redirects=False).status_code == 200


def test_only_forms_are_read(signed_in):
    answer = signed_in.post("/console/sign-out", json={}, headers=ORIGIN)
    assert answer.status_code == 415
    large = send(signed_in, "/console/sign-out", "x" * 20_000)
    assert large.status_code == 413
    assert {answer.headers["content-type"], large.headers["content-type"]} == {HTML}


def every_route() -> list[tuple[str, ConsoleRoute]]:
    return [(method, each) for router in ROUTERS for each in router.routes for method in sorted(each.methods)]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_the_table_says(served, browser, role):
    served.add("role", role)
    walked = {}
    for method, route in every_route():
        sign_in(browser, "role") if "fraud_session" not in browser.cookies else None
        token = token_of(browser.get("/console"))
        path = route.path.replace("{path:path}", "absent")
        answer = (
            browser.get(path, follow_redirects=False)
            if method == "GET"
            else send(browser, path, token, name="role", password=PASSWORD)
        )
        walked[method, route.path] = answer.status_code
    refused = {key for key, allowed in ACCESS.items() if allowed is not None and role not in allowed}
    assert walked.keys() == ACCESS.keys()
    assert {key for key, status in walked.items() if status == 403} == refused


def test_nobody_opens_anything_but_the_sign_in(served, browser):
    walked = {}
    for method, route in every_route():
        path = route.path.replace("{path:path}", "absent")
        token = token_of(browser.get("/console/sign-in"))
        answer = browser.get(path, follow_redirects=False) if method == "GET" else send(browser, path, token)
        walked[method, route.path] = answer.headers.get("location", str(answer.status_code))
    leads = {key for key, to in walked.items() if to.startswith("/console/sign-in")}
    assert leads == {key for key, allowed in ACCESS.items() if allowed is not None}


def test_a_role_that_may_not_gets_a_page_that_says_so(served, signed_in, monkeypatch):
    [service] = [each for method, each in every_route() if (method, each.path) == ("GET", "/console")]
    monkeypatch.setattr(service, "allowed", {"GET": frozenset({"admin"})})
    answer = signed_in.get("/console")
    assert (answer.status_code, answer.headers["content-type"]) == (403, HTML)
    assert "the role analyst may not open this page" in answer.text


def test_a_route_that_is_not_in_the_table_cannot_be_made():
    with pytest.raises(KeyError):
        ConsoleRoute("/console/secret", lambda: None, methods=["GET"])


def every_page(served, tmp_path):
    """An answer of each page, in each state."""
    browser = served.browser()
    yield browser.get("/console/sign-in")
    yield sign_in(browser, "mira", "wrong horse battery")
    yield sign_in(browser, "mira")
    yield browser.get("/console")
    yield browser.get("/console/absent")
    yield send(browser, "/console/sign-out", "wrong")
    yield Served("none").browser().get("/console")
    yield Served(f"sqlite:///{tmp_path / 'other.db'}", api_keys=API_KEYS).browser().get("/console")
    yield Served(f"sqlite:///{tmp_path / 'open.db'}").browser().get("/console")


def test_no_page_runs_a_script_loads_from_elsewhere_or_is_framed(served, tmp_path):
    for answer in every_page(served, tmp_path):
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            "base-uri 'none'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert len(answer.content) < 150_000


def test_without_accounts_and_keys_all_is_open_on_loopback_and_each_page_says_so(tmp_path):
    browser = Served(f"sqlite:///{tmp_path / 'decisions.db'}").browser()
    for path, status in (("/console", 200), ("/console/absent", 404)):
        page = browser.get(path)
        assert page.status_code == status
        assert "nobody has an account. Anybody who reaches this port can act." in page.text
    assert browser.get("/console/sign-in", follow_redirects=False).headers["location"] == "/console"


@pytest.mark.parametrize("settings", [{"api_keys": API_KEYS}, {"host": "0.0.0.0", "allow_anonymous": True}])
def test_without_accounts_a_server_that_others_reach_is_closed_and_says_how_to_make_one(tmp_path, settings):
    browser = Served(f"sqlite:///{tmp_path / 'decisions.db'}", **settings).browser()
    for path in ("/console", "/console/sign-in", "/console/absent"):
        page = browser.get(path)
        assert page.status_code == 403
        assert "fraud users add NAME --role admin" in page.text


def test_the_first_account_closes_a_console_that_was_open(tmp_path):
    served = Served(f"sqlite:///{tmp_path / 'decisions.db'}")
    browser = served.browser()
    assert browser.get("/console").status_code == 200
    served.add("mira")
    assert browser.get("/console", follow_redirects=False).status_code == 303


def test_without_a_store_there_is_one_page_that_says_so():
    browser = Served("none").browser()
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


def test_behind_a_prefix_links_cookies_and_forms_have_it(tmp_path):
    served = Served(f"sqlite:///{tmp_path / 'decisions.db'}", root_path="/fraud")
    served.add("mira")
    browser = served.browser()
    assert browser.get("/console", follow_redirects=False).headers["location"].startswith("/fraud/console/sign-in?")
    page = browser.get("/console/sign-in")
    assert 'action="/fraud/console/sign-in"' in page.text
    assert 'href="/fraud/console/static/' in page.text
    assert cookie_of(page, "fraud_form")["path"] == "/fraud/console"


def test_the_console_is_no_part_of_the_programs_api(browser):
    assert not [path for path in browser.get("/openapi.json").json()["paths"] if path.startswith("/console")]
