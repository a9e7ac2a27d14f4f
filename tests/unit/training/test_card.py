"""The card as a value: how the records were split."""

import json

import numpy as np
import pytest

from fraud_detection_api.errors import CorruptBundle
from fraud_detection_api.training.card import flatten_card, split_card, track_training
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from support.builders import credit_files, labelled

DAY = 86_400.0


def told(data, **settings):
    chosen = SplitSettings(**settings)
    return split_card(data, hold_out(data, chosen, seed=1), chosen)


def daily(**changes):
    return labelled(np.arange(1000) % 5 == 0, seconds=np.arange(1000) / 10 * DAY, **changes)


def test_the_records_within_the_delay_are_counted():
    card = told(daily(), delay_days=7)
    assert card["delay_days"] == 7
    assert (card["train"]["rows"], card["rows_in_delay"], card["test"]["rows"]) == (731, 69, 200)
    assert (card["leave_out_known"], card["rows_of_known"]) == (False, 0)


def test_the_delay_of_the_contract_is_told_where_no_other_is_asked_for():
    data = daily()
    assert told(data)["delay_days"] == data.contract.target.label_delay_days


def test_the_records_of_known_entities_are_counted():
    entity = np.arange(1000)
    entity[[700, 801, 850, 999]] = 7  # a fraud of day 70
    card = told(daily(entity=entity), delay_days=2, leave_out_known=True)
    assert (card["leave_out_known"], card["rows_of_known"]) == (True, 3)
    assert card["train"]["rows"] + card["rows_in_delay"] == 800
    assert card["test"]["rows"] == 197


@pytest.mark.parametrize("share", [0.05, 0.15, 0.333])
def test_every_record_is_counted_once_whatever_the_share(share):
    card = told(daily(), test_share=share, delay_days=3)
    assert card["test_share"] == share
    assert card["rows_of_known"] == 0
    assert card["train"]["rows"] + card["rows_in_delay"] + card["test"]["rows"] == 1000


@pytest.mark.parametrize("entity", [None, np.arange(1000) // 2], ids=["stratified", "grouped"])
def test_a_split_that_is_not_by_time_leaves_nothing_out(entity):
    card = told(labelled(np.arange(1000) % 5 == 0, entity=entity), delay_days=7)
    assert (card["delay_days"], card["rows_in_delay"], card["leave_out_known"], card["rows_of_known"]) == (
        None,
        0,
        False,
        0,
    )
    assert card["train"]["rows"] + card["test"]["rows"] == 1000


CARD = json.loads(credit_files()["card.json"])


class RememberingTracker:
    """ExperimentTracker that keeps what it was given."""

    def track(self, **training) -> str:
        self.training = training
        return "somewhere"


@pytest.fixture
def tracked():
    tracker = RememberingTracker()
    assert track_training(tracker, credit_files(), version="3") == "somewhere"
    return tracker.training


def test_settings_are_parameters():
    parameters, _ = flatten_card(CARD)
    assert parameters["training.seed"] == 1
    for name, value in CARD["training"]["settings"].items():
        assert parameters[f"training.settings.{name}"] == value


def test_a_list_is_one_parameter():
    parameters, _ = flatten_card(CARD)
    assert parameters["features"] == ", ".join(CARD["features"])


def test_every_metric_has_its_interval():
    _, metrics = flatten_card(CARD)
    for name, estimate in CARD["evaluation"]["metrics"].items():
        assert metrics[f"test_{name}"] == estimate["value"]
        assert (metrics[f"test_{name}_low"], metrics[f"test_{name}_high"]) == (estimate["low"], estimate["high"])


def test_what_is_not_known_is_no_metric():
    card = {"evaluation": {"metrics": {"roc_auc": {"value": 0.9, "bayes_limit": None}}}}
    assert flatten_card(card) == ({}, {"test_roc_auc": 0.9})


def test_nested_lists_and_nothing_are_no_parameters():
    assert flatten_card({"data": {"period": None, "levels": [{"a": 1}], "rows": 5}}) == ({"data.rows": 5}, {})


def test_a_tracker_gets_the_bundle_and_its_digest(tracked):
    assert tracked["digest"] == json.loads(credit_files()["manifest.json"])["digest"]
    bundle = {f"bundle/{name}": content for name, content in credit_files().items()}
    assert tracked["files"] == bundle | {name: credit_files()[name] for name in ("report.html", "card.md")}
    assert tracked["tags"] == {"contract": "credit", "version": "3"}


@pytest.mark.parametrize(
    ("learning_curve", "curves"),
    [
        ({"train": [0.5, 0.4], "validation": [0.6, 1]}, {"train": [0.5, 0.4], "validation": [0.6, 1.0]}),
        ({"logloss": {"train": [[0.5], [0.4]]}}, {"logloss.train.0": [0.5], "logloss.train.1": [0.4]}),
        ({"note": "none", "empty": [], "flags": [True], "best": 3}, {}),
        ([], {}),
    ],
)
def test_curves_are_found_wherever_the_card_has_them(monkeypatch, learning_curve, curves):
    from fraud_detection_api.training import card as tracking

    tracker = RememberingTracker()
    monkeypatch.setattr(tracking, "read_card", lambda *_, **__: ({"digest": "d"}, {"learning_curve": learning_curve}))
    track_training(tracker, {}, version="1")
    assert tracker.training["curves"] == {f"learning_curve.{name}": values for name, values in curves.items()}


def test_what_a_person_opens_lies_at_the_top(monkeypatch):
    from fraud_detection_api.training import card as tracking

    tracker = RememberingTracker()
    monkeypatch.setattr(tracking, "read_card", lambda *_, **__: ({"digest": "d"}, {}))
    track_training(tracker, {"report.html": b"r", "card.md": b"c", "booster.ubj": b"b"}, version="1")
    assert {"report.html", "card.md", "bundle/report.html", "bundle/booster.ubj"} < set(tracker.training["files"])


def test_a_bundle_that_was_changed_is_not_tracked():
    with pytest.raises(CorruptBundle):
        track_training(RememberingTracker(), {**credit_files(), "card.json": b"{}"}, version="3")
