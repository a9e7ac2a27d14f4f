"""Analysts find decisions and auditors read them."""

import csv
import re
from pathlib import Path

from playwright.sync_api import expect

from fraud_detection_api.training.data.card_world import FIRST_WAVE_TERMINAL

DECISION = re.compile(r"/console/decisions/[0-9a-f-]{36}$")


def search(page, **chosen):
    """Fill in the form of the page Decisions, by its labels."""
    for label, value in chosen.items():
        field = page.get_by_label(label.replace("_", " "), exact=False).first
        if field.evaluate("each => each.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.get_by_role("button", name="Search").click()
    return page.get_by_role("table").locator("tbody tr")


def test_an_analyst_finds_the_wave_that_the_champion_approved(someone):
    ana = someone("ana")
    ana.open("Decisions")
    rows = search(ana.page, Outcome="approve", Label="fraud", Since="11d")
    assert rows.count() > 5
    shops = set()
    for number in range(rows.count()):
        rows.nth(number).get_by_role("link").click()
        expect(ana.page).to_have_url(DECISION)
        record = ana.page.get_by_role("region", name="Record").get_by_role("row")
        if record.filter(has_text="category").get_by_text("vouchers").count():
            shops.add(record.filter(has_text="terminal").locator(".value").inner_text())
        ana.page.go_back()
    assert len([shop for shop in shops if int(shop[1:]) >= FIRST_WAVE_TERMINAL]) > 1


def test_what_is_found_is_exported(someone, tmp_path):
    ana = someone("ana")
    ana.open("Decisions")
    shown = search(ana.page, Outcome="decline").count()
    with ana.page.expect_download() as download:
        ana.page.get_by_role("link", name="Export as CSV").click()
    file = Path(tmp_path / "found.csv")
    download.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) >= shown > 0
    assert {row["outcome"] for row in rows} == {"decline"}


def test_a_field_that_cannot_be_read_is_marked_and_said(someone):
    ana = someone("ana")
    ana.open("Decisions")
    search(ana.page, Since="whenever")
    since = ana.page.get_by_label("Since")
    expect(since).to_have_attribute("aria-invalid", "true")
    expect(since).to_have_accessible_description(re.compile("2h"))
    expect(ana.page.get_by_role("alert")).to_be_visible()


def test_an_analyst_goes_on_to_linked_and_similar_decisions_and_to_the_entity(someone):
    ana = someone("ana")
    ana.open("Decisions")
    search(ana.page, Outcome="decline", Label="fraud").first.get_by_role("link").click()
    for section in ("Entities that share a key", "Similar decisions"):
        before = ana.page.url
        ana.page.get_by_role("region", name=section).get_by_role("table").get_by_role("link").first.click()
        expect(ana.page).to_have_url(DECISION)
        assert ana.page.url != before
    entity = ana.page.locator(".tiles").get_by_role("link")
    name = entity.inner_text()
    entity.click()
    expect(ana.page.get_by_label("Entity")).to_have_value(name)


def test_an_auditor_reads_a_decision_to_the_last_bit_and_the_trail_says_so(someone, served):
    omar = someone("omar")
    omar.open("Decisions")
    search(omar.page, Outcome="decline").first.get_by_role("link").click()
    replay = omar.page.get_by_role("region", name="Who decided")
    expect(replay).to_contain_text("equal to the last bit")
    replay.get_by_role("link", name="verify").click()
    expect(replay).to_contain_text("read and verified")
    decision = omar.page.url.partition("?")[0].rpartition("/")[2]
    omar.open("Audit trail")
    newest = omar.page.get_by_role("table").locator("tbody tr").first
    expect(newest).to_contain_text("omar")
    expect(newest.get_by_role("link")).to_have_text(decision)


def test_who_monitors_sees_no_record(someone, served):
    mona = someone("mona")
    names = mona.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert names == ["Service", "Monitoring", "Models", "Policy"]
    assert mona.page.goto(f"{served.console}/decisions").status == 403
    expect(mona.page.get_by_role("heading", level=1)).to_have_text("Not allowed")
