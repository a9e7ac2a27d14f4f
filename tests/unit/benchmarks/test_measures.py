"""Card precision by hand; what chance alone makes of a calibration error."""

import numpy as np
import polars as pl
import pytest

from benchmarks.measures import calibration_error, card_precision, measure, noise_floor
from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.training.data.load import dataset_from_frame

CONTRACT = """
name = "cards"
[id]
name = "card"
[time]
name = "day"
[target]
name = "is_fraud"
[features.amount]
dtype = "float"
"""


def payments(*rows):
    """Payments of (card, day of September, is_fraud, score) and their scores."""
    cards, days, is_fraud, scores = zip(*rows, strict=True)
    times = [f"2018-09-{day:02d}T{hour % 24:02d}:00:00Z" for hour, day in enumerate(days)]
    frame = pl.DataFrame({"card": cards, "day": times, "is_fraud": is_fraud, "amount": [1.0] * len(rows)})
    contract = contract_from_toml(CONTRACT, source="cards")
    return dataset_from_frame(frame, contract, source="cards"), np.array(scores)


def test_card_precision_is_the_share_of_defrauded_cards_among_the_highest():
    test, score = payments((1, 1, 1, 0.9), (2, 1, 0, 0.8), (3, 1, 1, 0.1))
    assert card_precision(test, score, alerts=2) == 0.5


def test_a_card_is_alerted_once_a_day_with_its_highest_score():
    test, score = payments((1, 1, 0, 0.9), (1, 1, 0, 0.8), (2, 1, 1, 0.7), (3, 1, 0, 0.6))
    assert card_precision(test, score, alerts=2) == 0.5


def test_a_card_is_defrauded_by_any_payment_of_the_day():
    test, score = payments((1, 1, 0, 0.9), (1, 1, 1, 0.1), (2, 1, 0, 0.5))
    assert card_precision(test, score, alerts=1) == 1.0


def test_a_card_found_on_an_earlier_day_is_left_out():
    test, score = payments((1, 1, 1, 0.9), (2, 1, 0, 0.1), (1, 2, 1, 0.9), (3, 2, 0, 0.8))
    assert card_precision(test, score, alerts=1) == 0.5


def test_a_card_missed_on_an_earlier_day_may_still_be_found():
    test, score = payments((1, 1, 1, 0.1), (2, 1, 0, 0.9), (1, 2, 1, 0.9), (3, 2, 0, 0.8))
    assert card_precision(test, score, alerts=1) == 0.5


def test_a_day_with_fewer_cards_than_alerts_is_measured_against_all_alerts():
    test, score = payments((1, 1, 1, 0.9), (2, 1, 0, 0.1))
    assert card_precision(test, score) == 0.01


@pytest.fixture
def probability():
    return np.random.default_rng(1).beta(1, 5, size=4000)


def test_a_calibrated_model_stays_below_the_floor_95_times_of_100(probability):
    floor = noise_floor(probability, np.arange(len(probability)))
    rng = np.random.default_rng(2)
    errors = [calibration_error(rng.random(len(probability)) < probability, probability) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(floor.mean, rel=0.05)
    assert 0.85 <= np.mean(np.array(errors) <= floor.most) <= 1.0


def test_a_model_that_states_too_much_is_above_the_floor(probability):
    is_fraud = np.random.default_rng(3).random(len(probability)) < probability / 2
    assert calibration_error(is_fraud, probability) > noise_floor(probability, np.arange(len(probability))).most


def test_the_floor_falls_as_the_root_of_the_records(probability):
    once = noise_floor(probability, np.arange(4000))
    fourth = noise_floor(probability[:1000], np.arange(1000))
    assert fourth.mean == pytest.approx(2 * once.mean, rel=0.2)


def test_scoring_the_same_records_again_does_not_lower_the_floor(probability):
    rows = np.arange(1000)
    once = noise_floor(probability[:1000], rows)
    again = noise_floor(np.tile(probability[:1000], 4), np.tile(rows, 4))
    assert again.mean == pytest.approx(once.mean, rel=0.1)


def test_a_row_holds_the_mean_of_the_folds_and_the_error_of_all_predictions():
    first = payments((1, 1, 1, 0.9), (2, 1, 0, 0.1))
    second = payments((1, 1, 0, 0.9), (2, 1, 1, 0.1))
    folds = [(test, {"probability": score, "before": score}) for test, score in (first, second)]
    row = measure("ours", ("AUC", "AP"), folds, 3.0)
    assert row.figures == {"AUC": 0.5, "AP": 0.75}
    assert row.calibration.error == row.calibration.before == pytest.approx(0.5)
    assert row.seconds == 3.0
