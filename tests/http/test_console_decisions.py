"""The pages of decisions: who sees a record, what is written down about it, and what the search and its export find."""

import re

import pytest

from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.services.deciding.recording import Recorder
from support.builders import registry_with_champion
from support.console import HTML, sign_in
from support.kept import decision_id, kept
from support.payments import payment, payments_files

HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}"
REASONS = (
    '[{"rank":1,"code":"HIGH","feature":"amount","value":1,"direction":"increases_risk","contribution_log_odds":0.5,'
    '"description":"The amount is high"}]'
)


def fill(served, rows):
    served.app.state.container.store.save([StoredRequest([Recorder().sealed(each)]) for each in rows])


def trail(served, what):
    return [(each.who, each.about) for each in served.accounts.trail(limit=100) if each.what == what]


def rows_of(page):
    return re.findall(r'href="/console/decisions/([0-9a-f-]{36})"', page.text)


@pytest.fixture
def filled(served):
    """Decisions 0 to 119: every second to review, and number 7 turned out to be fraud."""
    fill(
        served,
        [
            kept(
                number,
                entity=str(number % 10),
                outcome="review" if number % 2 else "approve",
                risk_score=number,
                reasons=REASONS,
            )
            for number in range(120)
        ],
    )
    served.app.state.container.labels._store.record(
        [Finding(decision_id(7), True, "chargeback", None, HOSTILE, "bank")]
    )
    return served


def test_a_decision_is_shown_and_the_trail_says_who_saw_it(filled, signed_in):
    page = signed_in.get(f"/console/decisions/{decision_id(7).upper()}")
    assert (page.status_code, page.headers["content-type"]) == (200, HTML)
    assert "The amount is high" in page.text
    assert trail(filled, "viewed_decision") == [("mira", decision_id(7))]
    assert HOSTILE not in page.text
    assert "<script>" not in page.text
    assert " style=" not in page.text


def test_what_a_page_of_a_decision_weighs(filled, signed_in):
    page, sheet = (signed_in.get(path) for path in (f"/console/decisions/{decision_id(7)}", "/console/decisions"))
    css = signed_in.get(re.search(r'stylesheet" href="([^"]+)"', page.text)[1])
    assert max(len(page.content), len(sheet.content)) + len(css.content) < 150_000


@pytest.mark.parametrize("unknown", [decision_id(500), "7", "x' OR 1=1", "..%2f..%2f", "<script>"])
def test_an_unknown_decision_is_a_page_of_its_own_and_no_line_in_the_trail(filled, signed_in, unknown):
    page = signed_in.get(f"/console/decisions/{unknown}")
    assert (page.status_code, page.headers["content-type"]) == (404, HTML)
    assert "<script>" not in page.text
    assert trail(filled, "viewed_decision") == []


def test_a_person_who_sees_no_record_gets_none_by_its_address(filled, browser):
    filled.add("walt", "monitor")
    sign_in(browser, "walt")
    for path in (f"/console/decisions/{decision_id(7)}", "/console/decisions", "/console/decisions.csv"):
        answer = browser.get(path)
        assert answer.status_code == 403
        assert "The amount is high" not in answer.text
    assert trail(filled, "viewed_decision") == trail(filled, "exported") == []
    assert 'href="/console/decisions"' not in browser.get("/console").text


def test_a_store_that_takes_no_line_shows_no_record(filled, signed_in, monkeypatch):
    def refuse(*_):
        raise RuntimeError("full")

    monkeypatch.setattr("fraud_detection_api.services.accounts.trail.Trail.note", refuse)
    page = signed_in.get(f"/console/decisions/{decision_id(7)}")
    assert page.status_code == 500
    assert "The amount is high" not in page.text


def test_an_erased_decision_says_so(served, signed_in):
    fill(served, [kept(1, entity=None, record=None, residue="{}")])
    page = signed_in.get(f"/console/decisions/{decision_id(1)}")
    assert page.status_code == 200
    assert "The record was erased." in page.text


def test_an_id_in_the_search_leads_to_its_decision(filled, signed_in):
    answer = signed_in.get("/console/decisions", params={"id": f" {decision_id(7)} "}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/decisions/{decision_id(7)}")
    elsewhere = signed_in.get("/console/decisions", params={"id": "//elsewhere.example"}, follow_redirects=False)
    assert elsewhere.headers["location"] == "/console/decisions/%2F%2Felsewhere.example"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"entity": "3"}, range(113, 0, -10)),
        ({"entity": "3", "min_score": "50", "max_score": "80"}, [73, 63, 53]),
        ({"label": "fraud"}, [7]),
        ({"outcome": "review", "max_score": "4"}, [3, 1]),
        ({"reason": "none"}, []),
        ({"model": "8"}, []),
        ({"until": "2023-11-14T22:13:20.002Z"}, [1, 0]),
    ],
)
def test_the_search_finds_what_its_address_says(filled, signed_in, asked, found):
    page = signed_in.get("/console/decisions", params=asked)
    assert page.status_code == 200
    assert rows_of(page) == [decision_id(number) for number in found]


def test_the_next_page_goes_on_where_the_last_one_ended_with_the_same_search(filled, signed_in):
    seen, address = [], "/console/decisions?outcome=review&since=2023-11-14"
    while address:
        page = signed_in.get(address)
        seen += rows_of(page)
        following = re.search(r'next-page"><a href="([^"]+)"', page.text)
        address = following and following[1].replace("&amp;", "&")
    assert seen == [decision_id(number) for number in range(119, 0, -2)]


def test_a_field_that_cannot_be_used_is_marked_and_nothing_is_listed(filled, signed_in):
    page = signed_in.get("/console/decisions", params={"since": HOSTILE, "cursor": "x"})
    assert page.status_code == 400
    assert 'id="since-problem"' in page.text
    assert rows_of(page) == []
    assert HOSTILE not in page.text
    assert signed_in.get("/console/decisions?cursor=x").status_code == 400
    assert signed_in.get("/console/decisions.csv?cursor=x").status_code == 400
    export = signed_in.get("/console/decisions.csv?since=x", follow_redirects=False)
    assert export.headers["location"] == "/console/decisions?since=x"


def test_what_is_found_can_be_exported_and_the_trail_says_so(filled, signed_in):
    answer = signed_in.get("/console/decisions.csv", params={"entity": "3", "min_score": "100"})
    assert answer.headers["content-disposition"] == 'attachment; filename="decisions.csv"'
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/csv; charset=utf-8", "no-store")
    assert answer.content.startswith("\ufeffdecided_at,decision_id,".encode())
    assert answer.text.count("\r\n") == 3
    assert trail(filled, "exported") == [("mira", "2 decisions: min_score=100&entity=given")]


def test_auditors_see_who_saw_what_and_analysts_do_not(filled, signed_in):
    signed_in.get(f"/console/decisions/{decision_id(7)}")
    assert signed_in.get("/console/audit").status_code == 403
    filled.add("omar", "auditor")
    auditor = filled.browser()
    sign_in(auditor, "omar")
    page = auditor.get("/console/audit", params={"who": "mira", "what": "viewed_decision"})
    assert rows_of(page) == [decision_id(7)]
    assert rows_of(auditor.get("/console/audit", params={"who": "nobody\0", "before": "٣"})) == []
    assert HOSTILE not in auditor.get("/console/audit", params={"about": HOSTILE, "what": HOSTILE}).text


@pytest.mark.parametrize(("role", "leads"), [("analyst", (True, False)), ("auditor", (False, True))])
def test_a_decision_leads_to_what_the_visitor_may_open(filled, role, leads):
    filled.add("omar", role)
    visitor = filled.browser()
    sign_in(visitor, "omar")
    page, id_ = visitor.get(f"/console/decisions/{decision_id(7)}").text, decision_id(7)
    assert (f"/console/queue/{id_}" in page, f"/console/audit?about={id_}" in page) == leads


def test_the_trail_goes_on_over_pages(served, browser):
    served.add("omar", "auditor")
    sign_in(browser, "omar")
    trail_of = served.app.state.container.people.trail
    for number in range(230):
        trail_of.note("mira", "viewed_decision", decision_id(number))
    seen, address = [], "/console/audit?who=mira"
    while address:
        page = browser.get(address)
        seen += rows_of(page)
        following = re.search(r'next-page"><a href="([^"]+)"', page.text)
        address = following and following[1].replace("&amp;", "&")
    assert seen == [decision_id(number) for number in reversed(range(230))]


@pytest.mark.parametrize("place", ["SQLite", "PostgreSQL"])
def test_a_decision_of_the_model_in_service_has_its_reasons_and_is_replayed(request, client_for, tmp_path, place):
    location = (
        f"sqlite:///{tmp_path / 'decisions.db'}" if place == "SQLite" else request.getfixturevalue("postgres_url")
    )
    client = client_for(registry_with_champion(payments_files()), store=location)
    records = [payment(), payment(card="C-2", amount=60.0), payment(amount=80.0)]
    answer = client.post("/v1/decisions", json={"records": records, "explain": False})
    first, other, last = [each["decision_id"] for each in answer.json()["decisions"]]
    page = client.get(f"/console/decisions/{last}")
    assert page.status_code == 200
    assert "computed now by the model that decided" in page.text
    assert "equal to the last bit" in page.text
    assert "Where the card was used." in page.text
    assert {first, other} <= {*rows_of(page)}  # of the same card, and at the same terminal
    by_key = re.search(r'href="(/console/decisions\?key=terminal&amp;value=[^"]+)"', page.text)
    assert rows_of(client.get(by_key[1].replace("&amp;", "&"))) == [last, other, first]
    assert (
        "The model&#39;s files were read and verified for this."
        in client.get(f"/console/decisions/{last}?replay=1").text
    )
    assert rows_of(client.get("/console/decisions", params={"entity": "C-1"})) == [last, first]
