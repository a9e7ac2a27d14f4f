"""What comes from data is text, on the page and in the card, whatever it looks like."""

import re
from functools import cache

import pytest

from fraud_detection_api.training.evidence.gather import gather_evidence
from fraud_detection_api.training.report.card import card_markdown
from support.scored import card, explained, held_out

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a|b`c``d\ne",
    "# heading [x](javascript:y) *z* $k$ _u_",
    "</title></svg></style><b>",
    "&lt;b&gt; &amp; \x00\x07",
    "收入 دخل 💶",
    'style="fill: red" id="x"',
)


def material(name: str):
    """A card and evidence with the name as that of the contract, a column, a level, and in every text."""
    found = gather_evidence(held_out(name=name, level=name), explained(name=name, level=name))
    prices = {"difference": 0.0, "low": 0.0, "high": 0.0}
    changes = {
        "contract": {"name": name, "fingerprint": name},
        "features": [name, "channel", "opened_at", "is_employed"],
        "warnings": [name],
        "constraint_prices": [{"constraints": [name], "average_precision": prices, "roc_auc": prices}],
        "software": {name: name},
        "training": {"seed": 1, "settings": {name: name}, "rounds": [1]},
        "tuning": {
            "study": name, "digest": name, "trials": 1, "objective": name, "default_value": 1.0, "best_value": 1.0,
            "settings": {name: name}, "ratios": [name], "history": [{"trial": 0, "value": 1.0}],
            "importance": {name: 1.0},
        },
        "calibration": {"method": name, "deployed_base_rate": None, "before": {name: 0.1}, "after": {name: 0.1}},
    }  # fmt: skip
    return card(**changes), found


DRAWN = '"></title></svg><b>', "&lt;收入 دخل 💶\x00\x07"
"""For the texts within plots, which matplotlib writes, or asks its fonts about."""


@pytest.fixture(scope="module")
def rendered(page_of):
    """Page and card of a name; the plots are sketches."""
    return cache(lambda name: (page_of(*material(name)), card_markdown(*material(name)).decode()))


def kinds(page) -> set[tuple[str, ...]]:
    """Each tag, with the names of its attributes."""
    return {(tag, *attributes) for tag, attributes in page.tags}


def headings(card: str) -> list[str]:
    return [line.split(" ")[0] for line in card.splitlines() if line.startswith("#")]


def cells(card: str) -> list[int]:
    return [len(re.split(r"(?<!\\)\|", line)) for line in card.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_adds_no_tag_and_no_attribute(name, rendered):
    page, expected = rendered(name)[0], rendered("tame")[0]
    assert kinds(page) <= kinds(expected)
    assert page.open == []


@pytest.mark.parametrize("name", DRAWN)
def test_a_hostile_name_adds_no_tag_and_no_attribute_to_a_plot(name, page, drawn_page_of):
    hostile = drawn_page_of(*material(name))
    assert kinds(hostile) <= kinds(page)
    assert hostile.open == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_it_is(name, rendered):
    shown = re.sub(r"[\x00-\x08]", "\N{REPLACEMENT CHARACTER}", name)
    assert shown in rendered(name)[0].sections["warnings"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_forbidden_character_is_in_the_page(name, rendered):
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", rendered(name)[0].document)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_breaks_no_table_and_makes_no_heading_of_the_card(name, rendered):
    assert headings(rendered(name)[1]) == headings(rendered("tame")[1])
    assert cells(rendered(name)[1]) == cells(rendered("tame")[1])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_no_markup_in_the_card(name, rendered):
    without_code = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", rendered(name)[1])
    assert not re.search(r"(?<!\\)[<>\[\]*$&]", without_code)
