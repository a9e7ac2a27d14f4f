"""What a new model is compared with the champion on, and when there is too little to learn from."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fraud_detection_api.contract.loading import contract_from_toml, load_contract
from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import SplitSettings
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.retraining import TooFewLabels, held_out, require_enough, require_same_records
from support.payments import PAYMENTS

CREDIT = load_contract("credit")
SPLIT = SplitSettings(test_share=0.2, delay_days=0)
NEW_YEAR, DAY = 1_767_225_600, 86_400


@pytest.fixture(scope="module")
def untimed():
    return dataset_from_frame(simulate_credit_records(1000, seed=3, fraud_rate=0.1), CREDIT, source="test")


@pytest.fixture(scope="module")
def timed(untimed):
    """A record every tenth of a day from 2026-01-01."""
    return replace(untimed, seconds=NEW_YEAR + np.arange(1000) * DAY / 10)


def champion(period):
    return SimpleNamespace(card={"data": {"period": period}})


def made_until(day: int):
    end = np.datetime64(NEW_YEAR + day * DAY, "s")
    return champion(["2025-01-01T00:00:00Z", f"{end}Z"])


def test_records_that_are_later_than_all_that_made_the_champion_are_compared_on(timed):
    whole = held_out(timed, SPLIT, made_until(10), seed=7)
    assert (len(whole.rows), whole.unseen) == (200, True)
    part = held_out(timed, SPLIT, made_until(90), seed=7)
    assert part.unseen
    assert part.rows.min() == 901  # the record of that very moment it may have seen


def test_where_too_little_is_later_all_of_the_test_part_is_taken_and_that_is_said(timed):
    assert (len(held_out(timed, SPLIT, made_until(100), seed=7).rows), made_until(100) is None) == (200, False)
    assert not held_out(timed, SPLIT, made_until(100), seed=7).unseen


def test_without_times_it_is_not_known_what_the_champion_has_seen(untimed, timed):
    assert not held_out(untimed, SPLIT, made_until(10), seed=7).unseen
    assert not held_out(timed, SPLIT, champion(None), seed=7).unseen


def test_a_champion_that_is_older_than_every_record_has_seen_none(untimed):
    assert held_out(untimed, SPLIT, champion(None), seed=7, all_unseen=True).unseen


def test_too_little_is_refused_with_the_figures(untimed):
    frauds = int(untimed.is_fraud.sum())
    require_enough(untimed, records=1000, frauds=frauds)
    for records, least in ((1001, 1), (1, frauds + 1)):
        with pytest.raises(TooFewLabels) as caught:
            require_enough(untimed, records=records, frauds=least)
        assert (caught.value.records, caught.value.frauds) == (1000, frauds)


def test_a_contract_of_other_records_is_refused():
    require_same_records(CREDIT, CREDIT)
    with pytest.raises(ContractMismatch, match="other records than the champion's"):
        require_same_records(SimpleNamespace(record_fingerprint="other"), CREDIT)


def test_a_contract_with_other_history_features_is_refused_before_a_training():
    champion = contract_from_toml(PAYMENTS, source="champion")
    require_same_records(champion, champion)
    other = contract_from_toml(PAYMENTS.replace('window = "1d"', 'window = "2d"', 1), source="other")
    with pytest.raises(ContractMismatch, match="payments_1d"):
        require_same_records(other, champion)
