"""The page: whole, safe under a policy that allows nothing, the same bytes every time."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys

import pytest

from fraud_detection_api.training.report.contents import report_html
from fraud_detection_api.training.report.learning import learning
from fraud_detection_api.training.report.material import Material
from support.scored import card, evidence

SECTIONS = (
    "purpose", "headline", "limits", "warnings", "ranking", "calibration", "capture", "policy", "fairness", "importance",
    "dependence", "segments", "learning", "constraints", "data", "split", "settings", "tuning",
    "software",
)  # fmt: skip
PLOTS = 2 + 1 + 2 + 1 + 2 + 4 + 2 + 2  # curves, scores, reliability, budgets, policy, dependence, learning, tuning


def test_every_section_is_there_and_in_the_contents(page):
    assert tuple(name for name in page.sections if name) == SECTIONS
    links = [href for href in page.attributes("href") if href[1:] in SECTIONS]
    assert links == [f"#{name}" for name in SECTIONS]


def test_every_tag_is_closed(page):
    assert page.open == []


def test_another_process_gives_the_same_bytes(page, tmp_path):
    """Whatever its hash seed and the user's backend of matplotlib."""
    (tmp_path / "material.json").write_text(json.dumps([card(), evidence()]), encoding="utf-8")
    program = (
        "import json, sys; from fraud_detection_api.training.report.contents import report_html;"
        "sys.stdout.buffer.write(report_html(*json.load(open(sys.argv[1], encoding='utf-8'))))"
    )
    made = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "material.json")],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path), "MPLBACKEND": "svg"},
        capture_output=True,
        check=True,
    )
    assert made.stdout == page.document


def test_it_is_one_small_file(page):
    assert len(page.document) < 300_000


def test_nothing_is_loaded_and_nothing_runs(page):
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "form", "input"}
    assert all(href.startswith("#") for href in page.attributes("href"))
    assert not page.attributes("src")
    assert not [key for _tag, attributes in page.tags for key in attributes if key.startswith("on")]


def test_the_page_states_its_own_policy_and_keeps_it(page):
    document = page.document.decode()
    (styles,) = re.findall(r"<style>(.*?)</style>", document, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    policy = next(attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes)
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert not page.attributes("style")
    assert "@import" not in styles
    assert "url(" not in styles


def test_every_plot_is_described_for_those_who_cannot_see_it(page):
    plots = [attributes for tag, attributes in page.tags if tag == "svg" and attributes["class"] == "plot"]
    names = page.attributes("id")
    assert len(plots) == PLOTS
    for plot in plots:
        assert plot["role"] == "img"
        assert all(name in names for name in plot["aria-labelledby"].split())


def test_ids_are_unique_and_references_lead_somewhere(page):
    ids = page.attributes("id")
    clips = [clip[5:-1] for clip in page.attributes("clip-path")]
    titles = [name for name in ids if name.endswith(("-title", "-text")) or name in SECTIONS]
    assert len(titles) == len(set(titles))
    assert set(clips) <= set(ids)


def test_tables_with_intervals_become_lists_on_a_narrow_screen(page):
    document = page.document.decode()
    captions = re.findall(r'<div class="table wide[^"]*"><table><caption>(.*?)</caption>', document)
    assert "Prices, with 95&nbsp;% intervals" in captions
    assert "Probabilities before and after calibration" not in captions


def test_plots_say_what_they_show_here(page):
    recall = card()["evaluation"]["metrics"]["recall_at_1pct_fpr"]
    assert f"At 1 % of legitimate records flagged, {100 * recall['value']:.1f} % (" in page.sections["ranking"]
    assert "points agree with the line" in page.sections["calibration"]


def test_the_headline_says_how_many_would_be_reviewed_and_how_the_scorecard_does(page):
    shares = card()["policy"]["shares"]
    assert f"{100 * shares['review']:.1f} % of the records would be reviewed" in page.sections["headline"]
    assert "Beside a logistic scorecard" in page.sections["headline"]


def test_groups_below_four_fifths_are_in_the_limits_and_in_their_section(page):
    assert "four fifths" in page.sections["limits"]
    assert "channel “branch”" in page.sections["fairness"]


def test_no_number_is_longer_than_people_read(page):
    told = " ".join(page.sections[name] for name in SECTIONS if name != "data")
    assert not re.findall(r"(?<![0-9a-f])\d+\.\d{6,}|\d{9,}(?![0-9a-f])", re.sub(r"sha256:\w+", "", told))


def test_a_card_of_purpose_credit_speaks_of_defaults(page_of):
    page = page_of(card(purpose="credit"), evidence())
    told = "".join(page.sections.values())
    assert "defaults caught" in told
    assert "AI Act" in page.sections["purpose"]
    assert not re.search(r"fraud(?!-)", told.lower())


def test_a_purpose_that_is_none_is_refused():
    with pytest.raises(ValueError, match="purpose is fraud or credit"):
        report_html(card(purpose="marketing"), evidence())


@pytest.mark.parametrize("field", ["contract", "data", "features", "split", "training", "evaluation", "software"])
def test_a_card_without_what_every_card_has_is_refused(field):
    with pytest.raises(KeyError, match=field):
        report_html(card(**{field: None}), evidence())


def test_what_is_optional_may_be_absent(page_of):
    names = ("purpose", "policy", "constraint_prices", "warnings", "calibration", "tuning", "baseline", "fairness")
    bare = {name: part for name, part in evidence().items() if name not in ("learning_curve", "dtypes")}
    page = page_of(card(**dict.fromkeys(names)), bare)
    assert tuple(name for name in page.sections if name) == tuple(
        name for name in SECTIONS if name not in ("learning", "policy", "tuning")
    )
    assert "no monotone feature" in page.sections["constraints"]
    assert "nothing suspicious" in page.sections["warnings"]
    assert "not tuned in this training" in page.sections["settings"]
    assert "does not say how" in page.sections["calibration"]
    assert "--groups" in page.sections["fairness"]


@pytest.mark.parametrize(("left_out", "drawn"), [("rounds", "paint_training_size"), ("training_size", "paint_rounds")])
def test_half_a_learning_curve_is_drawn_alone(left_out, drawn):
    curve = {name: part for name, part in evidence()["learning_curve"].items() if name != left_out}
    section = learning(Material.of(card(), {**evidence(), "learning_curve": curve}))
    assert [plot.paint.__name__ for plot in section.blocks[0].plots] == [drawn]
