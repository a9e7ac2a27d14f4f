"""An admin compares, promotes and rolls back; everybody reads the policy and the figures of monitoring."""

import re

import pytest
from playwright.sync_api import expect


def change(page, reason, button, what):
    """Give a reason and send the form; the history of changes then has this line."""
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name=button).click()
    rows = page.get_by_role("region", name="Changes").locator("tbody tr")
    expect(rows.filter(has_text=what).filter(has_text=reason).filter(has_text="ada")).to_have_count(1)


def test_an_admin_compares_the_challenger_promotes_it_and_rolls_back(someone):
    ada = someone("ada")
    page = ada.page
    ada.open("Models")
    page.get_by_role("region", name="Challenger").get_by_role("link", name="Compare").click()
    if (waiting := page.get_by_role("link", name="Show it when it is ready")).is_visible():
        waiting.click()
    checks = page.get_by_role("region", name="What must hold").locator("tbody tr")
    expect(checks).to_have_count(5)
    page.get_by_role("link", name="Version 2").click()

    page.get_by_role("link", name="Promote").click()
    page.get_by_label("Reason").fill("it has seen the wave")
    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_role("main")).to_contain_text("did not pass the gate")
    page.go_back()
    page.get_by_label("although the gate is not passed").check()
    change(page, "it has seen the wave", "Promote version 2", "promoted, from 1 to 2")

    page.get_by_role("link", name="Roll back to version 1").click()
    change(page, "too many reviews", "Roll back", "rolled back, from 2 to 1")

    page.get_by_role("link", name="Version 2").first.click()
    page.get_by_role("link", name="Make it the challenger").click()
    change(page, "as before", "Make version 2 the challenger", "challenge began, from none to 2")
    expect(page.get_by_role("region", name="Challenger")).to_contain_text("Version 2")


def test_only_an_admin_is_offered_changes(someone):
    omar = someone("omar")
    omar.open("Models")
    expect(omar.page.get_by_role("link", name="Compare")).to_be_visible()
    for change in ("Promote", "End the challenge", "Roll back"):
        expect(omar.page.get_by_role("link", name=change)).to_have_count(0)


@pytest.mark.parametrize("way", ["number", "slider"])
def test_an_analyst_asks_what_dearer_reviews_would_do(someone, way):
    ana = someone("ana")
    ana.open("Policy")
    if way == "number":
        ana.page.get_by_label("Cost of a review", exact=True).fill("9")
    else:
        slider = ana.page.get_by_label("Cost of a review, as a slider")
        slider.focus()
        slider.press("PageUp")
        slider.press("PageUp")
    ana.page.get_by_role("button", name="Show").click()
    table = ana.page.get_by_role("region", name="What it does")
    expect(table.get_by_role("columnheader", name="What if")).to_be_visible()
    reviews = table.get_by_role("row", name=re.compile("Reviews a day")).get_by_role("cell")
    in_force, asked = (float(each) for each in reviews.all_inner_texts())
    assert asked < in_force


def test_a_policy_is_tested_on_stored_decisions(someone):
    ana = someone("ana")
    ana.open("Policy")
    ana.page.get_by_role("link", name="Test the policy in force").click()
    if (waiting := ana.page.get_by_role("link", name="Show it when it is ready")).is_visible():
        waiting.click()
    rows = ana.page.get_by_role("region", name="On stored decisions").locator("tbody tr")
    expect(rows).to_have_count(5)


def test_a_measure_of_monitoring_is_explained_by_keyboard_and_a_window_is_chosen(someone):
    mona = someone("mona")
    mona.open("Monitoring")
    while (waiting := mona.page.get_by_role("link", name="Show it when it is ready")).count():
        waiting.first.click()
    term = mona.page.locator("details.term").first
    term.locator("summary").focus()
    mona.page.keyboard.press("Enter")
    expect(term.locator("p")).to_be_visible()
    mona.page.get_by_role("link", name="Last 24 hours").click()
    expect(mona.page.get_by_role("row", name=re.compile("Last 24 hours"))).to_contain_text("below")
