"""Analysts review cases with a few keys."""

import re

import pytest
from playwright.sync_api import Page, expect

CASE = re.compile(r"/console/queue/[0-9a-f-]{36}")


def case_of(page: Page) -> str:
    expect(page).to_have_url(CASE)
    expect(page.get_by_role("button", name="Keys")).to_be_visible()
    return CASE.search(page.url)[0].rpartition("/")[2]


def take(somebody) -> str:
    """The id of the next case, which is taken by one key."""
    somebody.open("Review queue")
    somebody.page.keyboard.press("t")
    return case_of(somebody.page)


def labels_of(somebody, decision: str):
    """The labels of a decision, on its page."""
    somebody.page.goto(f"{somebody.served.console}/decisions/{decision}")
    return somebody.page.get_by_role("region", name="Who decided").get_by_role("listitem")


@pytest.mark.parametrize(("key", "said"), [("f", "Fraud"), ("l", "Legitimate")])
def test_one_key_takes_a_case_and_one_decides_it_and_loads_the_next(someone, key, said):
    ana = someone("ana")
    first = take(ana)
    ana.page.keyboard.press(key)
    expect(ana.page.get_by_role("status").first).to_contain_text(f"marked as {said.lower()}")
    second = case_of(ana.page)
    assert second != first
    labels = labels_of(ana, first)
    expect(labels).to_have_count(1)
    expect(labels).to_contain_text(said)
    expect(labels).to_contain_text("ana")


def test_a_note_is_written_and_goes_with_the_verdict(someone):
    ana = someone("ana")
    case = take(ana)
    ana.page.keyboard.press("n")
    ana.page.keyboard.type("called, left a message")  # in which no letter is a key
    ana.page.keyboard.press("Escape")
    ana.page.keyboard.press("l")
    expect(ana.page.get_by_role("status").first).to_contain_text("marked as legitimate")
    expect(labels_of(ana, case)).to_contain_text("called, left a message")


def test_a_verdict_is_corrected_by_an_appeal(someone):
    ana = someone("ana")
    case = take(ana)
    ana.page.keyboard.press("f")
    expect(ana.page.get_by_role("status").first).to_contain_text("marked as fraud")
    ana.page.goto(f"{ana.served.console}/queue/{case}")
    ana.page.get_by_label("Why it needs another look").fill("the wrong key")
    ana.page.get_by_role("button", name="Open an appeal").click()
    expect(ana.page.get_by_text("the wrong key")).to_be_visible()
    ana.page.keyboard.press("l")
    expect(ana.page.get_by_role("status").first).to_contain_text("marked as legitimate")
    expect(labels_of(ana, case)).to_have_count(2)


def test_a_note_is_still_there_after_a_session_that_ended_while_it_was_written(someone):
    ana = someone("ana")
    case = take(ana)
    ana.page.get_by_label("Note, kept with the verdict").fill("called, left a message")
    ana.page.context.clear_cookies()
    ana.page.get_by_role("button", name="Legitimate").click()
    expect(ana.page.get_by_role("alert")).to_contain_text("nothing was saved")
    ana.fill_in("ana")
    assert case_of(ana.page) == case
    expect(ana.page.get_by_label("Note, kept with the verdict")).to_have_value("called, left a message")


def test_who_is_not_sure_escalates_and_a_lead_decides(someone):
    ana, lea = someone("ana"), someone("lea")
    case = take(ana)
    ana.page.keyboard.press("e")
    expect(ana.page.get_by_role("status").first).to_contain_text("escalated")
    assert case_of(ana.page) != case
    ana.page.goto(f"{ana.served.console}/queue/{case}")
    expect(ana.page.get_by_role("button", name="Fraud")).to_have_count(0)
    assert take(lea) == case  # what is escalated comes first
    lea.page.keyboard.press("f")
    expect(lea.page.get_by_role("status").first).to_contain_text("marked as fraud")
    expect(labels_of(lea, case)).to_contain_text("lea")


def test_a_case_that_somebody_has_can_be_read_and_not_decided(someone):
    ana, lea = someone("ana"), someone("lea")
    case = take(ana)
    lea.page.goto(f"{lea.served.console}/queue/{case}")
    expect(lea.page.get_by_role("status")).to_contain_text("ana has this case")
    expect(lea.page.get_by_role("button", name="Fraud")).to_have_count(0)
    ana.page.keyboard.press("r")
    expect(ana.page).not_to_have_url(re.compile(case))
    lea.page.reload()
    expect(lea.page.get_by_role("button", name="Fraud")).to_be_visible()
    lea.page.keyboard.press("r")
    expect(lea.page).not_to_have_url(re.compile(case))


def test_keys_are_shown_and_switched_off_and_on(someone):
    ana = someone("ana")
    ana.open("Review queue")
    keys, use = ana.page.get_by_role("dialog"), ana.page.get_by_label("Use single keys")
    ana.page.keyboard.press("?")
    expect(keys).to_contain_text("Take the next case")
    use.uncheck()
    ana.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    ana.page.keyboard.press("t")
    ana.page.keyboard.press("?")
    expect(keys).to_be_hidden()
    expect(ana.page).to_have_url(f"{ana.served.console}/queue")
    ana.page.get_by_role("button", name="Keys").click()
    use.check()
    keys.get_by_role("button", name="Close").click()
    ana.page.keyboard.press("t")
    expect(ana.page).to_have_url(CASE)


def test_the_list_is_walked_by_keys_and_filtered_and_the_filter_is_kept(someone):
    ana = someone("ana")
    ana.open("Review queue")
    ana.page.keyboard.press("j")
    ana.page.keyboard.press("j")
    ana.page.keyboard.press("k")
    expect(ana.page.locator("[data-item]").first).to_be_focused()
    ana.page.get_by_label("Risk score from").fill("500")
    ana.page.get_by_role("button", name="Show").click()
    scores = ana.page.get_by_role("table").locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert scores
    assert min(int(score) for score in scores) >= 500
    ana.page.get_by_label("Save this filter as").fill("high scores")
    ana.page.get_by_role("button", name="Save", exact=True).click()
    ana.open("Review queue")
    ana.page.get_by_role("link", name="high scores").click()
    expect(ana.page.get_by_label("Risk score from")).to_have_value("500")
    ana.page.get_by_role("button", name="Remove high scores").click()
    expect(ana.page.get_by_role("link", name="high scores")).to_have_count(0)
