"""The card as a value: how the records were split."""

import numpy as np
import pytest

from fraud_detection_api.training.card import split_card
from fraud_detection_api.training.data.splits import SplitSettings, hold_out
from support.builders import labelled

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
