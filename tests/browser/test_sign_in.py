"""People sign in and out."""

import re

from playwright.sync_api import expect


def test_a_person_signs_in_and_out(someone):
    ana = someone("ana")
    expect(ana.page.get_by_role("heading", level=1)).to_have_text("Service")
    expect(ana.page.get_by_text("ana, analyst")).to_be_visible()
    ana.page.get_by_role("button", name="Sign out").click()
    expect(ana.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    ana.page.go_back()
    ana.page.reload()
    expect(ana.page.get_by_label("Password")).to_be_visible()


def test_who_follows_a_link_signs_in_and_is_where_the_link_leads(someone, served):
    ana = someone()
    ana.page.goto(f"{served.console}/decisions?outcome=review")
    ana.fill_in("ana")
    expect(ana.page).to_have_url(f"{served.console}/decisions?outcome=review")


def test_a_name_is_held_up_after_five_wrong_passwords(someone):
    stranger = someone()
    stranger.page.goto(f"{stranger.served.console}/sign-in")
    for _ in range(5):
        stranger.fill_in("stranger", "not the password")
        expect(stranger.page.get_by_role("alert")).not_to_contain_text("minutes")
    stranger.fill_in("stranger", "not the password")
    expect(stranger.page.get_by_role("alert")).to_contain_text(re.compile(r"1\d minutes"))
