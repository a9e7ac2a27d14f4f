"""Signing in to the console: who gets in, for how long, and what nobody can do to a person who is in."""

import pytest
from starlette.testclient import TestClient

from fraud_detection_api.services.accounts.signing_in import Throttle
from support.console import HTML, ORIGIN, PASSWORD, cookie_of, send, sign_in, token_of

MINUTE, HOUR = 60, 3600


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


def test_signing_in_leads_to_a_page_of_the_console_alone(browser):
    assert sign_in(browser, "mira", next="//elsewhere.example").headers["location"] == "/console"


def test_a_sign_in_form_of_another_browser_is_refused(served, browser):
    token = token_of(served.browser().get("/console/sign-in"))
    browser.get("/console/sign-in")
    assert send(browser, "/console/sign-in", token, name="mira", password=PASSWORD).status_code == 403


def test_only_forms_are_read(signed_in):
    answer = signed_in.post("/console/sign-out", json={}, headers=ORIGIN)
    assert answer.status_code == 415
    large = send(signed_in, "/console/sign-out", "x" * 20_000)
    assert large.status_code == 413
    assert {answer.headers["content-type"], large.headers["content-type"]} == {HTML}
