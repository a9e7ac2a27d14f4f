"""No text that a caller, a contract, a model, a person or an address carries becomes markup, an address or a formula."""

import csv
import io
import re
import unicodedata
from urllib.parse import quote

import pytest

from fraud_detection_api.console.access import ACCESS, FROM_PROVIDER, SIGN_IN
from fraud_detection_api.console.frame import HEADERS
from fraud_detection_api.services.accounts.signing_in import NAME
from support.besieged import besieged, post
from support.console import HTML
from support.hostile import ALL, TEXTS, Page, foreign_markup

PARAMETERS = [
    *("id", "entity", "outcome", "label", "min_score", "max_score", "since", "until", "reason", "model", "cursor"),
    *(
        "who",
        "what",
        "about",
        "before",
        "window",
        "replay",
        "wait",
        "next",
        "order",
        "escalated",
        "min",
        "max",
        "after",
    ),
    *("done", "state", "code", "error", "error_description", "review_cost", "amount_at_risk"),
]
"""Names that addresses of the console have."""

HEADERS_OF_CALLERS = ("X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded", "Referer", "X-Request-Id", "User-Agent")
OWN_ADDRESS = re.compile(r"/console(?:[/?][\x21-\x7e]*)?")
OWN_COOKIES = {"fraud_session", "fraud_form", "fraud_sign_in"}


@pytest.fixture(scope="module")
def siege(tmp_path_factory):
    with besieged(tmp_path_factory.mktemp("siege")) as siege:
        yield siege


@pytest.fixture(scope="module")
def admin(siege):
    return siege.session("admin")


def require_harmless(answer, about):
    """An answer's headers and content do nothing that a text asked for."""
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff", about
    assert headers["cache-control"] == "no-store", about
    assert "default-src 'none'" in headers["content-security-policy"], about
    assert "frame-ancestors 'none'" in headers["content-security-policy"], about
    assert OWN_ADDRESS.fullmatch(headers.get("location", "/console")), about
    assert {each.partition("=")[0] for each in headers.get_list("set-cookie")} <= OWN_COOKIES, about
    assert answer.status_code < 500, about
    if headers.get("content-type") == HTML and "sandbox" not in headers["content-security-policy"]:
        assert headers["content-security-policy"] == HEADERS["Content-Security-Policy"], about
        assert foreign_markup(answer.text) == [], about
    return answer


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if "<" in text])
def test_a_page_that_took_a_text_for_markup_would_be_found(name):
    assert foreign_markup(f"<p>{TEXTS[name]}</p>") != []


@pytest.mark.parametrize(
    "address", ["javascript:x()", "//elsewhere.example", "https://elsewhere.example", "java\tscript:x()"]
)
def test_an_address_that_leads_away_would_be_found(address):
    assert foreign_markup(f'<a href="{address}">') != []


def test_every_page_shows_what_others_wrote_as_text(siege, admin):
    answers = [require_harmless(admin.get(path), path) for path in siege.pages()]
    shown = "\n".join(Page(each.text).everything_said for each in answers if each.headers.get("content-type") == HTML)
    for text in TEXTS.values():
        assert text.splitlines()[0].strip()[:60] in shown


@pytest.mark.parametrize("name", TEXTS)
def test_a_decision_shows_what_its_caller_wrote_to_the_letter(siege, admin, name):
    page = require_harmless(admin.get(f"/console/decisions/{siege.decisions[name]}"), name)
    said = Page(page.text).everything_said
    stored = unicodedata.normalize("NFC", TEXTS[name].strip())
    assert said.count(stored) >= 3  # the card, the device and the note of the label


def test_a_decision_that_another_hand_wrote_is_a_page_too(siege, admin):
    for name in TEXTS:
        for kind in ("odd", "told"):
            for path in ("/console/decisions", "/console/queue"):
                page = admin.get(f"{path}/{siege.decisions[f'{name}, {kind}']}")
                assert require_harmless(page, (name, kind, path)).status_code == 200


@pytest.mark.parametrize("name", TEXTS)
def test_a_case_shows_what_reviewers_and_callers_wrote_to_the_letter(siege, admin, name):
    page = require_harmless(admin.get(f"/console/queue/{siege.decisions[f'{name}, case']}"), name)
    said = Page(page.text).everything_said.replace("\r\n", "\n")  # as browsers read lines
    assert said.count(TEXTS[name].strip().replace("\r\n", "\n")) >= 2


def test_no_parameter_and_no_header_becomes_markup_or_leads_away(siege, admin):
    stranger, outside = siege.stranger(), ("/console", SIGN_IN, FROM_PROVIDER)
    for text in TEXTS.values():
        query = "&".join(f"{each}={quote(text)}" for each in PARAMETERS)
        headers = dict.fromkeys(HEADERS_OF_CALLERS, as_header(text))
        for browser, path in [*((admin, path) for path in siege.pages()), *((stranger, path) for path in outside)]:
            require_harmless(browser.get(f"{path}?{query}", headers=headers), (text, path))


def as_header(text):
    """What of a text a header can hold."""
    return "".join(each for each in text if " " <= each <= "~")


@pytest.mark.parametrize("name", TEXTS)
def test_no_part_of_a_path_becomes_markup(siege, admin, name):
    text = quote(TEXTS[name], safe="")
    for path in {path for _, path in ACCESS if "{" in path}:
        hostile = re.sub(r"\{[a-z_:]+\}", text, path)
        for browser in (admin, siege.stranger()):
            require_harmless(browser.get(f"http://localhost{hostile}"), path)


def test_no_field_of_a_form_becomes_markup(siege, admin):
    state = siege.registry.assigned("challenger")
    case = siege.decisions["an image, case"]
    for name, text in TEXTS.items():
        for path in (f"/console/queue/{case}", f"/console/queue/{case}/appeal", "/console/queue/filters?min=5"):
            require_harmless(post(admin, path, verdict="note", note=text, name=text), (name, path))
        for version, change in (("2", "promote"), ("2", "challenge"), ("1", "rollback"), (text, text)):
            path = f"/console/models/{quote(version, safe='')}/change/{quote(change, safe='')}"
            for fields in (
                {"seen": text, "version": text, "reason": text, "force": text},
                {"seen": "1", "version": "2"},
            ):
                require_harmless(post(admin, path, **fields), (name, path))
    assert siege.registry.assigned("challenger") == state


def test_a_name_that_cannot_sign_in_is_shown_as_text(siege):
    stranger = siege.stranger()
    stranger.get("/console/sign-in")
    answer = post(stranger, "/console/sign-in", own_token(stranger), name=ALL, password=ALL, next=ALL)
    assert answer.status_code == 403
    assert ALL.lower() in Page(require_harmless(answer, "a name").text).everything_said


def own_token(stranger):
    return re.search(r'name="form_token" value="(\w+)"', stranger.get("/console/sign-in").text)[1]


def test_no_hostile_text_is_the_name_of_an_account(siege):
    """Names come from a provider, too, and are shown on every page."""
    assert [name for name, text in TEXTS.items() if NAME.fullmatch(text.strip().lower())] == []


def test_no_cell_of_the_export_is_a_formula(siege, admin):
    answer = require_harmless(admin.get("/console/decisions.csv"), "export")
    assert answer.headers["content-disposition"] == 'attachment; filename="decisions.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert len(rows) == 4 * len(TEXTS) + 2
    assert {len(row) for row in rows} == {len(rows[0])}
    for cell in (cell for row in rows for cell in row):
        beginning = unicodedata.normalize("NFKC", cell.lstrip(" \xa0\ufeff"))[:1]
        assert beginning not in {"=", "+", "-", "@", "\t", "\r", "\n"} or re.fullmatch(r"-?[0-9.e-]+", cell)
    assert f"'{TEXTS['a formula']}" in {cell for row in rows for cell in row}
