"""Quality of reviews as a browser sees it: who may, and that nobody can tell a check from a usual case."""

import re

import pytest

from fraud_detection_api.decision.label import Finding
from support.console import send, token_of
from support.desk import Desk
from support.kept import decision_id

QUEUE, QUALITY = "/console/queue", "/console/quality"
SECRET = "her son took the card"


@pytest.fixture
def checking(serve, tmp_path):
    """A desk where a second person confirms each label, and each case that somebody takes is golden, if it can be."""
    location = f"sqlite:///{tmp_path / 'decisions.db'}"
    desk = Desk(serve(location, review_golden_share=1.0, review_second_share=1.0), location)
    yield desk
    desk.database.close()


def case(number, query=""):
    return f"{QUEUE}/{decision_id(number)}{query}"


def act(browser, number, verdict, note=""):
    return send(browser, case(number), token_of(browser.get("/console")), verdict=verdict, note=note)


def choose(browser, number, **fields):
    return send(browser, f"{case(number)}/golden", token_of(browser.get("/console")), **fields)


def take(browser, query=""):
    taken = send(browser, f"{QUEUE}/next{query}", token_of(browser.get("/console")))
    assert taken.status_code == 303
    return taken.headers["location"]


def without_times(page):
    return re.sub(r"\d\d:\d\d UTC", "", page.text)


def label(desk, number, *, is_fraud=True):
    desk.stores.labels.record([Finding(decision_id(number), is_fraud, "analyst", note=SECRET, reviewer="omar")])


def test_a_golden_decision_is_byte_for_byte_the_page_of_a_usual_case(checking):
    checking.save(1, 2, losses=None)
    lena, mira = checking.person("lena", is_lead=True), checking.person("mira")
    usual = mira.get(case(1))
    act(mira, 1, "release")
    label(checking, 1)
    assert choose(lena, 1).status_code == 303
    known = mira.get(case(1)).text
    assert SECRET in known  # so what is missing below was there
    assert take(mira) == case(1)
    page = mira.get(case(1))
    assert SECRET not in page.text
    assert without_times(page) == without_times(usual)
    for address in (case(1), f"/console/decisions/{decision_id(1)}", f"/console/decisions/{decision_id(1)}?replay=1"):
        shown = mira.get(address).text
        assert SECRET not in shown
        assert "omar" not in shown
    assert act(mira, 1, "legitimate").headers["location"] == case(2, "?done=legitimate")
    assert [is_fraud for is_fraud, *_ in checking.labels(1)] == [True]
    assert SECRET in mira.get(f"/console/decisions/{decision_id(1)}").text


def test_a_second_review_is_byte_for_byte_the_page_of_a_usual_case(checking):
    checking.save(1)
    mira, omar = checking.person("mira"), checking.person("omar")
    usual = omar.get(case(1))
    act(omar, 1, "release")
    mira.get(case(1))
    act(mira, 1, "note", note=SECRET)
    act(mira, 1, "fraud", note=SECRET)
    assert without_times(omar.get(case(1))) == without_times(usual)
    assert "mira" not in omar.get(f"/console/decisions/{decision_id(1)}").text
    assert 'name="verdict"' not in mira.get(case(1)).text
    act(omar, 1, "legitimate", note="his own card")
    assert checking.labels(1) == [(True, "mira", SECRET)]
    lena = checking.person("lena", is_lead=True)
    dispute = lena.get(case(1)).text
    assert "his own card" in dispute
    assert SECRET in dispute
    act(lena, 1, "legitimate")
    assert [who for _, who, _ in checking.labels(1)] == ["mira", "lena"]


def test_a_filter_is_followed_even_if_a_golden_decision_is_due(checking):
    checking.save(1, 2)
    lena, mira = checking.person("lena", is_lead=True), checking.person("mira")
    label(checking, 1)
    choose(lena, 1)
    assert take(mira, "?min=100") == case(2, "?min=100")
    assert take(mira) == case(1)


def test_leads_and_admins_choose_golden_decisions_and_others_do_not(checking):
    checking.save(1, 2, 3)
    checking.save(4, outcome="approve")
    label(checking, 1)
    label(checking, 4)
    people = {
        "lead": checking.person("lena", is_lead=True),
        "analyst": checking.person("mira"),
        "auditor": checking.person("olga", "auditor"),
        "monitor": checking.person("momo", "monitor"),
        "admin": checking.person("root", "admin"),
    }
    assert {name: each.get(QUALITY).status_code for name, each in people.items()} == {
        "lead": 200,
        "analyst": 403,
        "auditor": 200,
        "monitor": 403,
        "admin": 200,
    }
    linked = {name for name, each in people.items() if f'href="{QUALITY}"' in each.get("/console").text}
    assert linked == {"lead", "auditor", "admin"}
    assert [choose(people[name], 1).status_code for name in ("analyst", "auditor", "monitor")] == [403] * 3
    assert [choose(people["lead"], number).status_code for number in (2, 4, 9)] == [409, 409, 404]
    assert "Use it to check reviewers" in people["lead"].get(case(1)).text
    assert "Use it to check reviewers" not in people["analyst"].get(case(1)).text
    assert choose(people["lead"], 1).status_code == 303
    assert checking.trail()[0] == ("lena", "golden_added", decision_id(1))
    assert "Reviewers are checked by this decision" in people["admin"].get(case(1)).text
    assert decision_id(1) in people["auditor"].get(QUALITY).text
    assert 'name="stop"' not in people["auditor"].get(QUALITY).text
    assert choose(people["admin"], 1, stop="1").status_code == 303
    assert decision_id(1) not in people["auditor"].get(QUALITY).text


def test_the_page_has_the_figures_of_what_people_said(checking):
    checking.save(1, 2, 3)
    lena, mira, omar = checking.person("lena", is_lead=True), checking.person("mira"), checking.person("omar")
    label(checking, 1)
    choose(lena, 1)
    take(mira)
    act(mira, 1, "legitimate")
    act(mira, 2, "fraud")
    act(omar, 2, "fraud")
    page = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", lena.get(f"{QUALITY}?days=90").text))
    assert "mira 1 0 of 1 0 % (0 % to 79.3 %) 0 1 of 1 100 % (20.7 % to 100 %)" in page
    assert "mira: Legitimate (wrong)" in page
    assert lena.get(f"{QUALITY}?days=%00<script>").status_code == 200


def test_where_nobody_signs_in_nobody_is_checked(serve, tmp_path):
    location = f"sqlite:///{tmp_path / 'decisions.db'}"
    desk = Desk(serve(location, review_golden_share=1.0, review_second_share=1.0), location)
    desk.save(1, 2)
    anybody = desk.served.browser()
    token = token_of(anybody.get(case(1)))
    decided = send(anybody, case(1), token, verdict="fraud")
    assert decided.headers["location"] == case(2, "?done=fraud")
    assert "This decision is not in the queue" in anybody.get(case(1)).text
    assert send(anybody, f"{case(1)}/golden", token).status_code == 303
    assert send(anybody, f"{QUEUE}/next", token).headers["location"] == case(2)
    desk.database.close()
