"""The review queue as a browser uses it: who may do what, the way from case to case, and that no text becomes markup."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from fraud_detection_api.decision.label import Finding
from fraud_detection_api.services.accounts.account_store import ROLES
from support.console import send, token_of
from support.desk import Desk
from support.kept import decision_id

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
QUEUE = "/console/queue"


class Elements(HTMLParser):
    """The elements of a page with their attributes, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    @classmethod
    def of(cls, text):
        parser = cls()
        parser.feed(text)
        return parser.found


@pytest.fixture
def desk(serve, tmp_path):
    location = f"sqlite:///{tmp_path / 'decisions.db'}"
    desk = Desk(serve(location), location)
    yield desk
    desk.database.close()


def case(number, query=""):
    return f"{QUEUE}/{decision_id(number)}{query}"


def act(browser, path, verdict, note=""):
    """Send a verdict from whatever page the person has open."""
    return send(browser, path, token_of(browser.get("/console")), verdict=verdict, note=note)


def test_a_reviewer_takes_the_costliest_case_and_goes_from_one_to_the_next(desk):
    desk.save(1, 2, losses={1: 10.0, 2: 20.0})
    mira = desk.person("mira")
    page = mira.get(QUEUE)
    assert page.text.index(decision_id(2)) < page.text.index(decision_id(1))
    taken = send(mira, f"{QUEUE}/next", token_of(page))
    assert (taken.status_code, taken.headers["location"]) == (303, case(2))
    opened = mira.get(case(2))
    assert 'data-key="f"' in opened.text
    decided = send(mira, case(2), token_of(opened), verdict="fraud", note="called him")
    assert (decided.status_code, decided.headers["location"]) == (303, case(1, "?done=fraud"))
    assert desk.labels(2) == [(True, "mira", "called him")]
    assert "The case before was marked as fraud. You labelled 1 today; 1 wait." in mira.get(case(1, "?done=fraud")).text
    last = act(mira, case(1), "legitimate")
    assert last.headers["location"] == f"{QUEUE}?done=legitimate"
    assert "No case is free now." in mira.get(f"{QUEUE}?done=legitimate").text


def test_opening_a_case_is_in_the_trail_and_keeps_others_from_deciding_it(desk):
    desk.save(1)
    mira, omar = desk.person("mira"), desk.person("omar")
    mira.get(case(1))
    assert desk.trail()[0] == ("mira", "case_viewed", decision_id(1))
    page = omar.get(case(1)).text
    assert "mira has this case until" in page
    assert 'data-key="f"' not in page
    assert "mira has it until" in omar.get(QUEUE).text
    refused = act(omar, case(1), "fraud", note="<b>it was stolen</b>")
    assert refused.status_code == 409
    assert "This case is with mira now" in refused.text
    assert "&lt;b&gt;it was stolen&lt;/b&gt;" in refused.text
    assert desk.labels(1) == []


def test_a_case_that_was_decided_meanwhile_is_refused_with_a_page(desk):
    desk.save(1)
    mira = desk.person("mira")
    mira.get(case(1))
    desk.stores.labels.record([Finding(decision_id(1), True, "chargeback")])
    assert act(mira, case(1), "legitimate").status_code == 409
    assert [is_fraud for is_fraud, *_ in desk.labels(1)] == [True]


def test_unsure_goes_on_a_note_stays_and_a_release_goes_back_to_the_list_with_its_filter(desk):
    desk.save(1, 2, losses={1: 10.0, 2: 5.0})
    mira = desk.person("mira")
    asked = "?order=age&min=100"
    assert act(mira, case(1, asked), "note", "no answer").headers["location"] == case(1, asked)
    assert "no answer" in mira.get(case(1)).text
    assert act(mira, case(1, asked), "unsure").headers["location"] == case(2, f"{asked}&done=unsure")
    assert act(mira, case(2, asked), "release").headers["location"] == f"{QUEUE}{asked}"
    assert desk.labels(1) == desk.labels(2) == []


@pytest.mark.parametrize(
    ("verdict", "note"), [("nonsense", ""), ("appeal", ""), ("", ""), ("note", " "), ("fraud", "n" * 1001)]
)
def test_a_form_that_no_page_sends_changes_nothing(desk, verdict, note):
    desk.save(1)
    mira = desk.person("mira")
    assert act(mira, case(1), verdict, note).status_code == 400
    assert desk.labels(1) == []


def test_an_escalated_case_waits_for_a_lead_who_gets_it_first(desk):
    desk.save(1, 2, losses={1: 1.0, 2: 99.0})
    mira, lead = desk.person("mira"), desk.person("lena", is_lead=True)
    act(mira, case(1), "escalate", "large sum")
    assert "A lead decides escalated cases." in mira.get(case(1)).text
    assert act(mira, case(1), "fraud").status_code == 403
    assert decision_id(1) not in mira.get(QUEUE).text
    assert decision_id(1) in mira.get(f"{QUEUE}?escalated=1").text
    assert send(lead, f"{QUEUE}/next", token_of(lead.get(QUEUE))).headers["location"] == case(1)
    assert "large sum" in lead.get(case(1)).text
    act(lead, case(1), "fraud")
    assert desk.labels(1) == [(True, "lena", "")]


def test_a_declined_decision_is_appealed_from_its_page(desk):
    desk.save(1, outcome="decline")
    mira = desk.person("mira")
    page = mira.get(case(1))
    assert "This decision is not in the queue." in page.text
    appealed = send(mira, f"{case(1)}/appeal", token_of(page), note="she wrote to us")
    assert appealed.headers["location"] == case(1)
    shown = mira.get(case(1)).text
    assert "she wrote to us" in shown
    assert 'value="legitimate"' in shown
    assert send(mira, f"{case(1)}/appeal", token_of(page)).status_code == 409


def test_a_verdict_that_was_wrong_is_corrected_by_an_appeal_and_both_are_kept(desk):
    desk.save(1)
    mira = desk.person("mira")
    act(mira, case(1), "fraud")
    assert send(mira, f"{case(1)}/appeal", token_of(mira.get(case(1))), note="the wrong key").status_code == 303
    act(mira, case(1), "legitimate")
    assert desk.labels(1) == [(True, "mira", ""), (False, "mira", "")]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_and_does_what_it_may(desk, role):
    desk.save(1, 2, 3)
    desk.save(4, outcome="decline")
    browser = desk.person("who", role)
    sees, acts = role != "monitor", role in ("analyst", "admin")
    assert (browser.get(QUEUE).status_code, browser.get(case(1)).status_code) == ((200, 200) if sees else (403, 403))
    assert ("Review queue" in browser.get("/console").text) == sees
    assert ('data-key="f"' in browser.get(case(1)).text) == acts
    done = [
        act(browser, f"{QUEUE}/next", ""),
        act(browser, case(1), "fraud"),
        act(browser, case(2), "note", "text"),
        act(browser, case(3), "escalate"),
        act(browser, f"{case(4)}/appeal", ""),
        send(browser, f"{QUEUE}/filters?min=5", token_of(browser.get("/console")), name="mine"),
    ]
    assert {each.status_code for each in done} == ({303} if acts else {403})
    assert len(desk.labels(1)) == acts


def test_an_auditor_reads_a_case_without_taking_it(desk):
    desk.save(1)
    auditor, mira = desk.person("omar", "auditor"), desk.person("mira")
    assert "Your role reads cases and decides none." in auditor.get(case(1)).text
    assert ("omar", "case_viewed", decision_id(1)) in desk.trail()
    assert 'data-key="f"' in mira.get(case(1)).text


@pytest.mark.parametrize("path", [f"{QUEUE}/next", case(1), f"{case(1)}/appeal", f"{QUEUE}/filters"])
def test_no_action_is_done_for_another_site_or_with_another_sessions_token(desk, path):
    desk.save(1)
    mira, other = desk.person("mira"), desk.person("omar")
    own, foreign = token_of(mira.get("/console")), token_of(other.get("/console"))
    fields = {"verdict": "fraud", "name": "x"}
    assert send(mira, path, foreign, **fields).status_code == 403
    assert send(mira, path, own, headers={"Origin": "https://evil.example"}, **fields).status_code == 403
    assert desk.labels(1) == []


def test_a_query_is_saved_under_a_name_and_removed(desk):
    mira = desk.person("mira")
    token = token_of(mira.get(QUEUE))
    assert send(mira, f"{QUEUE}/filters?min=900&order=age", token, name="large & old").status_code == 303
    page = mira.get(QUEUE).text
    assert f'href="{QUEUE}?order=age&amp;min=900">large &amp; old</a>' in page
    assert "large" not in desk.person("omar").get(QUEUE).text
    send(mira, f"{QUEUE}/filters", token, remove="large & old")
    assert "large" not in mira.get(QUEUE).text
    assert send(mira, f"{QUEUE}/filters", token, name=" ").status_code == 400


def test_the_list_goes_on_page_by_page_without_losing_or_repeating_a_case(desk):
    desk.save(*range(60), losses={number: float(number % 3) for number in range(60)})
    mira = desk.person("mira")
    seen, address = [], f"{QUEUE}?min=1"
    while address:
        page = mira.get(address).text
        seen += re.findall(rf"data-item href=\"{QUEUE}/([0-9a-f-]+)", page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = html.unescape(following[1]) if following else ""
    assert len(seen) == len(set(seen)) == 60


def test_texts_of_callers_and_people_are_text(desk):
    reason = [{"code": "A", "description": HOSTILE, "contribution_log_odds": 1.5}]
    desk.save(1, reasons=json.dumps(reason), record=json.dumps({HOSTILE: HOSTILE}), entity=json.dumps(HOSTILE))
    desk.save(2, reasons="no JSON", record="[]", warnings="{}", entity='"C-2"')
    mira = desk.person("mira")
    act(mira, case(1), "note", HOSTILE)
    send(mira, f"{QUEUE}/filters?min=5", token_of(mira.get(QUEUE)), name=HOSTILE[:50])
    for path in (QUEUE, case(1), case(2), f"{QUEUE}?reason={HOSTILE}&entity={HOSTILE}&min={HOSTILE}&after={HOSTILE}"):
        page = mira.get(path)
        assert page.status_code == 200
        elements = Elements.of(page.text)
        assert [tag for tag, _ in elements].count("script") == 1
        assert [attributes["src"] for tag, attributes in elements if tag == "img"][1:] == []
        assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
        assert "49" not in re.sub(r"value=\"\w+\"|keys-\w+|console-\w+|icon-\w+|[0-9a-f-]{36}", "", page.text)


def test_a_decision_that_is_not_stored_is_a_page(desk):
    mira = desk.person("mira")
    for identifier in ("absent", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"):
        assert mira.get(f"{QUEUE}/{identifier}").status_code == 404
        assert act(mira, f"{QUEUE}/{identifier}", "fraud").status_code in (404, 409)


def test_where_nobody_has_an_account_anybody_reviews_under_one_name(desk):
    desk.save(1)
    browser = desk.served.browser()
    page = browser.get(case(1))
    assert send(browser, case(1), token_of(page), verdict="fraud").status_code == 303
    assert desk.labels(1) == [(True, "(nobody signed in)", "")]


def test_the_script_is_kept_for_a_year(desk):
    page = desk.person("mira").get(QUEUE).text
    answer = desk.served.browser().get(re.search(r'<script src="([^"]+)"', page)[1])
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


def test_a_verdict_after_the_session_ended_leads_by_the_sign_in_back_to_its_case(desk):
    desk.save(1)
    mira = desk.person("mira")
    token = token_of(mira.get(case(1)))
    mira.cookies.clear()
    answer = send(mira, f"{case(1)}?order=age", token, verdict="fraud", note="she wrote to us")
    assert (answer.status_code, desk.labels(1)) == (303, [])
    assert answer.headers["location"] == f"/console/sign-in?next={case(1)}%3Forder%3Dage&ended=1"
    assert 'role="alert"' in mira.get(answer.headers["location"]).text


def test_a_filter_that_cannot_be_used_is_said_beside_its_field(desk):
    mira = desk.person("mira")
    page = mira.get(f"{QUEUE}?min=high&reason=a-b").text
    assert 'id="min-problem"' in page
    assert 'id="reason-problem"' in page
    assert 'id="entity-problem"' not in page
