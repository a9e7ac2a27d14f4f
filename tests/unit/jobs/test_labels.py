"""Which decisions go into a training set, and what is reported about them."""

from types import SimpleNamespace

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.contract.times import DAY_MS
from fraud_detection_api.jobs.labels import Window, exported_lines

NOW = 400 * DAY_MS
THIRTY_DAYS = SimpleNamespace(target=SimpleNamespace(label_delay_days=30.0))


def test_the_window_ends_where_labels_have_matured():
    of_contract = Window(NOW, 35 * DAY_MS)
    assert (of_contract.end(THIRTY_DAYS), of_contract.assumed_before) == (370 * DAY_MS, None)
    stated = Window(NOW, 35 * DAY_MS, matured_days=7, assume_legitimate_after=90)
    assert (stated.end(THIRTY_DAYS), stated.assumed_before) == (393 * DAY_MS, 310 * DAY_MS)


def test_an_earlier_end_counts_and_a_later_one_does_not():
    assert Window(NOW, 0, until=DAY_MS).end(THIRTY_DAYS) == DAY_MS
    assert Window(NOW, 0, until=NOW).end(THIRTY_DAYS) == 370 * DAY_MS


def test_a_window_in_which_nothing_has_matured_is_empty():
    assert Window(NOW, NOW - DAY_MS).end(THIRTY_DAYS) == NOW - DAY_MS


def test_an_export_reports_what_became_of_the_decisions():
    counts = {"untimed": 1, "unlabelled": 0, "other_contract": 0, "erased": 5, "tampered": 0}
    exported = SimpleNamespace(rows=9, fraud=2, legitimate=4, assumed_legitimate=3, **counts)
    assert list(exported_lines(exported, load_contract("credit"))) == [
        "9 records to learn from: 2 frauds, 4 legitimate records, 3 assumed to be legitimate records",
        "1 without a time, which got the time of their decision",
        "5 left out: erased",
    ]


def test_an_export_for_credit_scoring_counts_defaults():
    counts = dict.fromkeys(("untimed", "unlabelled", "other_contract", "erased", "tampered"), 0)
    exported = SimpleNamespace(rows=9, fraud=2, legitimate=4, assumed_legitimate=3, **counts)
    scoring = load_contract("credit").model_copy(update={"purpose": "credit"})
    [line] = exported_lines(exported, scoring)
    assert line == "9 records to learn from: 2 defaults, 4 good records, 3 assumed to be good records"
