"""Models, policy and monitoring in the console: who may read and change, forms, and what a promotion leaves behind."""

import json
import re

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.model.bundle import with_changes
from fraud_detection_api.services.accounts.account_store import ROLES
from support.builders import credit_files, other_credit_files
from support.console import HTML, send, sign_in, token_of

PROMOTE, CHALLENGE, ROLLBACK, END = (
    f"/console/models/2/change/{each}" for each in ("promote", "challenge", "rollback", "end")
)
CARD = json.loads(credit_files()["card.json"])

READ = (
    "/console/models",
    "/console/models/1",
    "/console/models/1/report",
    "/console/models/2/comparison",
    "/console/policy",
    "/console/monitoring",
)


@pytest.fixture
def registry(tmp_path):
    """A folder whose champion is version 1; version 2 scores otherwise."""
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(credit_files()))
    registry.register(other_credit_files())
    return registry


@pytest.fixture
def console(serve, tmp_path, registry):
    """A console with a champion in service."""
    served = serve(f"sqlite:///{tmp_path / 'decisions.db'}", registry=registry)
    served.app.state.container.deployment.champion.refresh()
    return served


@pytest.fixture
def admin(console):
    console.add("admin", "admin")
    browser = console.browser()
    assert sign_in(browser, "admin").status_code == 303
    return browser


def sent(browser, path, **fields):
    page = browser.get(path)
    return send(browser, path, token_of(page), **{"seen": "1", "version": "2", "reason": "it finds more", **fields})


def confirmation(browser, answer):
    page = browser.get(answer.headers["location"]).text
    return re.search(r'role="status"><strong>(.*?)</strong>', page)[1]


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads_and_admins_alone_are_offered_changes(console, role):
    console.add("somebody", role)
    browser = console.browser()
    sign_in(browser, "somebody")
    for path in READ:
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, HTML)
    assert ("/change/promote" in browser.get("/console/models/2").text) == (role == "admin")


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"admin"}))
def test_no_other_role_sees_or_makes_a_change(console, registry, role):
    console.add("somebody", role)
    browser = console.browser()
    sign_in(browser, "somebody")
    token = token_of(browser.get("/console"))
    for path in (PROMOTE, CHALLENGE, ROLLBACK, END):
        assert browser.get(path).status_code == 403
        answer = send(browser, path, token, seen="1", version="2", reason="because", force="yes")
        assert answer.status_code == 403
    assert (registry.assigned("champion"), registry.assigned("challenger")) == ("1", None)
    assert not [line for line in console.accounts.trail(limit=99) if line.what.endswith("_ordered")]


def test_a_promotion_moves_the_alias_serves_the_model_and_is_in_both_records(console, admin, registry, tmp_path):
    page = admin.get(PROMOTE)
    assert "Version 2 becomes champion" in page.text
    assert "Not passed" in page.text
    answer = sent(admin, PROMOTE, force="yes", reason="the old one leaks")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/models?done=promote")
    assert confirmation(admin, answer) == "Version 2 is champion now."
    assert FileRegistry(tmp_path / "registry").assigned("champion") == "2"
    change = registry.audit()[-1]
    assert (change.before, change.after, change.cause.action) == ("1", "2", "promote")
    assert (change.cause.by, change.cause.reason, change.cause.forced) == ("admin", "the old one leaks", True)
    assert console.accounts.trail(limit=1)[0][1:] == ("admin", "promotion_ordered", "version 2")
    assert console.app.state.container.deployment.champion.current.champion.version == "2"
    assert "the old one leaks" in admin.get("/console/models").text


def test_the_gate_refuses_what_was_not_compared_and_the_page_says_why(admin, registry):
    answer = sent(admin, PROMOTE)
    assert answer.status_code == 409
    assert "did not pass the gate" in answer.text
    assert "0 decisions were compared; 1,000 are needed" in answer.text
    assert 'href="/console/models/2"' in answer.text
    assert registry.assigned("champion") == "1"


def test_a_champion_that_moved_meanwhile_is_a_conflict(admin, registry):
    page = admin.get(PROMOTE)
    registry.assign("champion", registry.register(credit_files()))
    answer = send(admin, PROMOTE, token_of(page), seen="1", version="2", reason="because", force="yes")
    assert answer.status_code == 409
    assert "Changed meanwhile" in answer.text
    assert 'href="/console/models#changes"' in answer.text
    assert "fraud models" not in answer.text
    assert registry.assigned("champion") == "3"


def test_back_and_forth_a_rollback_restores_the_version_before(admin, registry):
    sent(admin, PROMOTE, force="yes")
    path = "/console/models/1/change/rollback"
    page = admin.get(path).text
    assert "The champion is now: 2." in page
    assert "Version 2 will not be a challenger again" in page
    answer = sent(admin, path, seen="2", version="1", reason="it missed frauds")
    assert confirmation(admin, answer) == "Version 1 is champion again; version 2 was rolled back."
    assert (registry.assigned("champion"), registry.audit()[-1].cause.action) == ("1", "rollback")
    assert admin.get(path).status_code == 404
    again = admin.get(PROMOTE).text
    assert "Version 2 was rolled back on" in again
    assert "it missed frauds" in again


def test_a_challenger_that_is_promoted_is_confirmed_and_a_link_confirms_nothing_else(admin):
    sent(admin, CHALLENGE)
    answer = sent(admin, PROMOTE, force="yes")
    assert confirmation(admin, answer) == "Version 2 is champion now."
    for other in ("rollback", "challenge", "<script>"):
        assert 'role="status"' not in admin.get(f"/console/models?done={other}").text


def test_a_challenge_begins_and_ends(admin, registry):
    assert confirmation(admin, sent(admin, CHALLENGE)) == "Version 2 is the challenger now."
    assert registry.assigned("challenger") == "2"
    assert confirmation(admin, sent(admin, END)) == "The challenge of version 2 is over."
    assert registry.assigned("challenger") is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"reason": " "}, 422), ({"reason": "x" * 501}, 422), ({"form_token": "wrong"}, 403), ({"seen": "7"}, 409)],
)
def test_a_form_that_is_not_complete_changes_nothing(admin, registry, fields, status):
    assert sent(admin, CHALLENGE, **fields).status_code == status
    assert registry.assigned("challenger") is None


@pytest.mark.parametrize(
    "path",
    ["/console/models/99", "/console/models/99/report", "/console/models/99/comparison", "/console/models/2/change/x"],
)
def test_what_is_not_there_is_a_page(admin, path):
    answer = admin.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, HTML)
    assert ("Back to Models" in answer.text) == ("/99" in path)
    assert "fraud models" not in answer.text


def test_a_reason_is_shown_as_text(admin):
    hostile = "</td><script>alert(1)</script>"
    sent(admin, PROMOTE, force="yes", reason=hostile)
    for path in ("/console", "/console/models", "/console/models/2"):
        page = admin.get(path).text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>" not in page


def test_a_report_runs_nothing_whatever_it_holds(admin, registry):
    files = credit_files()
    documents = {"card.md": files["card.md"], "report.html": b"<script>alert(1)</script>"}
    version = registry.register(with_changes(files, card=CARD, documents=documents, created_at="x").files)
    answer = admin.get(f"/console/models/{version}/report")
    assert answer.content == documents["report.html"]
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'", "sandbox"} <= set(policy)
    assert not [each for each in policy if each.startswith("script-src") or "allow-" in each]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_damaged_bundle_shows_no_report(admin, registry, tmp_path):
    path = tmp_path / "registry" / "versions" / "2" / "report.html"
    path.chmod(0o644)
    path.write_text("<script>alert(1)</script>")
    answer = admin.get("/console/models/2/report")
    assert answer.status_code == 409
    assert "alert(1)" not in answer.text


def test_a_what_if_is_led_to_a_short_address(admin):
    page = admin.get("/console/policy").text
    assert 'type="range"' in page
    query = "review_cost=20&review_cost_was=50&review_cost_slider=50&amount_at_risk=1000&amount_at_risk_was=1000"
    answer = admin.get(f"/console/policy?{query}", follow_redirects=False)
    assert answer.status_code == 303
    assert "review_cost=20" in answer.headers["location"]
    assert "slider" not in answer.headers["location"]


def test_without_a_champion_pages_say_so(serve, tmp_path):
    browser = serve(f"sqlite:///{tmp_path / 'other.db'}").browser()
    assert browser.get("/console/models").status_code == 200
    for path in ("/console/policy", "/console/monitoring"):
        answer = browser.get(path)
        assert answer.status_code == 503
        assert "no verified model is loaded" in answer.text.lower()


@pytest.mark.parametrize("path", [*READ, PROMOTE])
def test_pages_keep_to_the_frames_policy_and_size(admin, path):
    answer = admin.get(path)
    if not path.endswith("report"):
        assert answer.headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'"
        )
        assert len(answer.content) < 150_000
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


def test_the_registrys_own_record_has_the_persons_name(admin, tmp_path):
    sent(admin, CHALLENGE)
    line = json.loads((tmp_path / "registry" / "audit.jsonl").read_text().splitlines()[-1])
    assert (line["by"], line["action"]) == ("admin", "challenge")
