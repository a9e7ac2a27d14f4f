"""What the report says of how a model was made."""

from dataclasses import asdict, replace
from typing import get_args

import pytest

from fraud_detection_api.training.data.splits import Kind
from fraud_detection_api.training.report.making import SPLITS
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.scored import card, evidence

DELAYED = {
    **card()["split"], "kind": "time", "delay_days": 7.0, "rows_in_delay": 1234, "leave_out_known": True,
    "rows_of_known": 56, "test_share": 0.25,
}  # fmt: skip


def test_every_kind_of_split_has_a_sentence():
    assert set(SPLITS) == set(get_args(Kind))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_sentence_of_a_split_is_on_the_page_and_in_the_card(kind, page_of, markdown_of):
    changed = card(split={**DELAYED, "kind": kind})
    told = SPLITS[kind].format(event="fraud")
    assert told in page_of(changed, evidence()).sections["split"]
    assert told in markdown_of(changed, evidence())


def test_a_split_by_time_tells_its_delay_and_what_is_in_no_part(markdown_of):
    text = markdown_of(card(split=DELAYED), evidence())
    assert "requested share of the test part: 25.0 %" in text
    assert "label delay: 7 days before the test part begins" in text
    assert "records within the delay, in neither part: 1,234" in text
    assert "ids already known for frauds: left out of the test part: 56 records" in text


def test_known_ids_that_were_kept_are_told(markdown_of):
    text = markdown_of(card(split={**DELAYED, "leave_out_known": False, "rows_of_known": 0}), evidence())
    assert "ids already known for frauds: in the test part" in text


def test_a_split_by_chance_has_no_delay(markdown_of):
    assert "label delay" not in markdown_of(card(), evidence())


def of_settings(settings: XGBoostSettings, **changes):
    return card(training={"seed": 1, "settings": asdict(settings), "rounds": [12, 15]}, **changes)


TUNED = replace(XGBoostSettings(), max_depth=6, learning_rate=0.03)
DIFFERING = "Settings that differ from the default: learning_rate 0.03 (default 0.05), max_depth 6 (default 4)."


def test_default_settings_are_told_as_such(markdown_of):
    assert "All settings have their defaults." in markdown_of(of_settings(XGBoostSettings(), tuning=None), evidence())


def test_default_settings_that_tuning_did_not_better_are_told(markdown_of):
    assert "their defaults, which tuning could not improve." in markdown_of(of_settings(XGBoostSettings()), evidence())


@pytest.mark.parametrize(
    ("changes", "came"), [({}, "This training tuned them"), ({"tuning": None}, "not tuned in this")]
)
def test_settings_that_differ_from_the_default_are_listed_whether_tuned_or_taken_over(changes, came, page_of):
    told = page_of(of_settings(TUNED, **changes), evidence()).sections["settings"]
    assert DIFFERING in told
    assert came in told


def test_a_setting_that_the_default_does_not_know_is_named(markdown_of):
    training = {"seed": 1, "settings": {**asdict(XGBoostSettings()), "gamma": 2}, "rounds": [12]}
    assert "differ from the default: gamma 2 (not in the default)." in markdown_of(card(training=training), evidence())
