"""What a model is measured on, it has not learned from: by time with a delay, by customer, or by chance."""

import numpy as np
import pytest

from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.splits import (
    PrequentialSettings,
    SplitSettings,
    cross_fitting_folds,
    hold_out,
    kind_of,
    prequential_folds,
    validation_folds,
)
from support.builders import every_dtype_contract, every_dtype_frame, labelled

DAY = 86_400.0


def every_tenth(rows: int) -> np.ndarray:
    return np.arange(rows) % 10 == 0


def shuffled_seconds(rows: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(rows).astype(float)


def split_of(data, *, seed: int = 1, **settings):
    return hold_out(data, SplitSettings(**settings), seed=seed)


@pytest.mark.parametrize("seconds", [None, shuffled_seconds(1003)], ids=["class", "time"])
def test_without_a_delay_every_record_is_in_exactly_one_part(seconds):
    split = split_of(labelled(every_tenth(1003), seconds=seconds))
    assert sorted(np.concatenate([split.train, split.test])) == list(range(1003))


def test_a_fifth_is_held_out():
    split = split_of(labelled(every_tenth(1000)))
    assert [len(split.train), len(split.test)] == [800, 200]


def test_another_share_is_held_out_where_it_is_asked_for():
    assert len(split_of(labelled(every_tenth(1000)), test_share=0.5).test) == 500


@pytest.mark.parametrize("share", [0.05, 0.3, 0.4, 0.45, 0.7])
@pytest.mark.parametrize("entity", [None, np.arange(2000) // 2], ids=["class", "entity"])
def test_any_share_is_held_out_as_it_was_asked_for(share, entity):
    data = labelled(every_tenth(2000), entity=entity)
    test = split_of(data, test_share=share).test
    assert len(test) / 2000 == pytest.approx(share, abs=0.005)
    assert data.is_fraud[test].sum() / 200 == pytest.approx(share, abs=0.03)


def test_few_frauds_are_held_out_in_the_share_that_was_asked_for():
    data = labelled(np.arange(2000) < 12)
    assert data.is_fraud[split_of(data, test_share=0.35).test].sum() in (4, 5)


def test_each_part_has_the_same_share_of_fraud():
    data = labelled(every_tenth(1000))
    split = split_of(data)
    assert split.kind == "stratified"
    assert [data.is_fraud[rows].mean() for rows in (split.train, split.test)] == [0.1, 0.1]


def test_the_same_seed_splits_alike_and_another_otherwise():
    first, second, other = (split_of(labelled(every_tenth(500)), seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.test, second.test)
    assert set(first.test) != set(other.test)


def test_with_a_time_the_latest_records_are_the_test_part():
    seconds = shuffled_seconds(1000)
    split = split_of(labelled(np.random.default_rng(1).random(1000) < 0.3, seconds=seconds))
    assert split.kind == "time"
    assert seconds[split.train].max() < seconds[split.test].min()


def test_training_ends_the_delay_before_the_test_begins():
    days = np.arange(1000) / 10
    split = split_of(labelled(every_tenth(1000), seconds=days * DAY), delay_days=7)
    assert days[split.test].min() == 80
    assert days[split.train].max() == 73


def test_the_delay_is_the_contracts_where_no_other_is_given():
    contract = contract_from_toml(
        'name = "x"\n[target]\nname = "bad"\nlabel_delay_days = 5\n[features.c0]\ndtype = "float"\n', source="x.toml"
    )
    days = np.arange(1000) / 10
    data = labelled(every_tenth(1000), seconds=days * DAY, contract=contract)
    assert days[split_of(data).train].max() == 75
    assert days[split_of(data, delay_days=0).train].max() == pytest.approx(79.9)


def test_a_customer_known_as_fraudulent_is_left_out_of_the_test():
    days = np.arange(100.0)
    is_fraud, entity = np.arange(100) % 5 == 0, np.arange(100)
    entity[[70, 81, 82, 83]] = 7  # whose fraud of day 70 is known from day 73 on
    data = labelled(is_fraud, seconds=days * DAY, entity=entity)
    kept = split_of(data, delay_days=2).test
    left = split_of(data, delay_days=2, leave_out_known=True).test
    assert set(kept) - set(left) == {81, 82, 83}


def test_records_in_the_delay_are_in_no_part():
    days = np.arange(1000) / 10
    split = split_of(labelled(every_tenth(1000), seconds=days * DAY), delay_days=7)
    left = np.setdiff1d(np.arange(1000), np.concatenate([split.train, split.test]))
    assert (days[left] > 73).all()
    assert (days[left] < 80).all()
    assert len(left) == 69


def test_a_delay_longer_than_the_data_leaves_nothing_to_learn_from():
    with pytest.raises(InvalidDataset, match="30 days"):
        split_of(labelled(every_tenth(1000), seconds=np.arange(1000) * 60.0), delay_days=30)


def test_a_customer_of_whom_no_fraud_is_known_is_kept_although_known_ones_are_left_out():
    days = np.arange(100.0)
    entity = np.arange(100)
    entity[[71, 81, 91]] = 7  # none of them a fraud
    data = labelled(np.arange(100) % 5 == 0, seconds=days * DAY, entity=entity)
    assert {81, 91} <= set(split_of(data, leave_out_known=True).test)


def test_a_fraud_is_known_the_delay_after_its_day():
    seconds = np.repeat(np.arange(100.0), 2) * DAY + np.tile([0.0, DAY / 2], 100)
    entity = np.arange(200)
    entity[[160, 164, 166, 168]] = 7  # a fraud on day 80, and records of days 82, 83 and 84
    is_fraud = np.arange(200) % 8 == 0
    data = labelled(is_fraud, seconds=seconds, entity=entity)
    left = split_of(data, delay_days=2, leave_out_known=True).test
    assert {164, 166, 168} - set(left) == {166, 168}


def test_leaving_out_known_customers_needs_an_id():
    with pytest.raises(InvalidDataset, match="no id or no time"):
        split_of(labelled(every_tenth(100), seconds=np.arange(100.0)), leave_out_known=True)


def test_a_customer_with_several_records_is_in_one_part():
    entity = np.arange(1000) // 3
    data = labelled(np.random.default_rng(2).random(1000) < 0.2, entity=entity)
    split = split_of(data)
    assert split.kind == "grouped"
    assert not set(entity[split.train]) & set(entity[split.test])


def test_ids_that_never_repeat_group_nothing():
    assert kind_of(labelled(every_tenth(50), entity=np.arange(50))) == "stratified"


def test_a_contract_with_a_time_column_splits_by_it():
    data = dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="x")
    assert split_of(data).kind == "time"


@pytest.mark.parametrize("frauds", [1, 8])
def test_too_few_frauds_are_refused_with_counts(frauds):
    with pytest.raises(
        InvalidDataset,
        match=r"the \w+ part would have \d records of the target's positive value in \d+ rows, and needs 3",
    ):
        split_of(labelled(np.arange(500) < frauds))


def test_too_few_legitimate_records_are_refused():
    with pytest.raises(
        InvalidDataset, match="the test part would have 99 records of the target's positive value in 100 rows"
    ):
        split_of(labelled(np.arange(500) >= 5))


def test_frauds_that_all_came_early_are_refused():
    with pytest.raises(InvalidDataset, match="the test part would have 0 records"):
        split_of(labelled(np.arange(500) < 50, seconds=np.arange(500.0)))


def windows(**settings) -> PrequentialSettings:
    return PrequentialSettings(**{"train_days": 7, "delay_days": 7, "test_days": 7, "stride_days": 7, **settings})


def daily(days: int):
    """Ten records a day, one of them a fraud."""
    seconds = np.repeat(np.arange(days), 10) * DAY + np.tile(np.arange(10) * 3600.0, days)
    return labelled(every_tenth(10 * days), seconds=seconds), seconds / DAY


def test_prequential_folds_are_a_window_a_delay_and_a_test_each_a_stride_earlier():
    data, days = daily(50)
    found = prequential_folds(data, windows(folds=2))
    assert [(days[f.train].min(), np.floor(days[f.train].max())) for f in found] == [(29, 35), (22, 28)]
    assert [(days[f.test].min(), np.floor(days[f.test].max())) for f in found] == [(43, 49), (36, 42)]
    assert all(len(fold.train) == len(fold.test) == 70 for fold in found)


def test_without_windows_folds_cover_the_later_half_and_learn_from_all_before():
    data, days = daily(40)
    found = prequential_folds(data, PrequentialSettings(folds=4))
    assert sorted(np.concatenate([fold.test for fold in found])) == list(np.flatnonzero(days >= 20))
    assert all(days[fold.train].min() == 0 for fold in found)


def test_a_known_customer_is_left_out_of_a_fold_if_the_fraud_was_in_its_window():
    data, days = daily(30)
    frauds = np.flatnonzero(data.is_fraud)
    entity = np.arange(len(data))
    early, within, tested = frauds[2], frauds[12], np.flatnonzero((days >= 23) & ~data.is_fraud)[:2]
    entity[[early, tested[0]]] = entity[early]  # before the window of days 9 to 15
    entity[[within, tested[1]]] = entity[within]
    data = labelled(data.is_fraud, seconds=data.seconds, entity=entity)
    (fold,) = prequential_folds(data, windows(folds=1, leave_out_known=True))
    assert tested[0] in fold.test
    assert tested[1] not in fold.test


def test_windows_that_begin_before_the_data_are_refused():
    with pytest.raises(InvalidDataset, match="fold 2 would begin before the first record"):
        prequential_folds(daily(25)[0], windows(folds=2))


def test_data_without_a_time_has_no_folds_in_time():
    with pytest.raises(InvalidDataset, match=r"\[time\]"):
        prequential_folds(labelled(every_tenth(100)), PrequentialSettings())


@pytest.mark.parametrize("entity", [None, np.arange(403) // 4])
def test_every_record_is_in_one_fold_and_folds_are_alike(entity):
    data = labelled(np.random.default_rng(3).random(403) < 0.3, entity=entity)
    folds = cross_fitting_folds(data, 5, seed=1)
    counts = np.bincount(folds, minlength=5)
    assert counts.sum() == 403
    assert np.ptp(counts) <= 8
    if entity is not None:
        assert all(len(set(folds[entity == one])) == 1 for one in set(entity))


def test_the_numbers_of_entities_decide_nothing():
    is_fraud = every_tenth(300)
    entity = np.arange(300) // 2
    renamed = np.random.default_rng(0).permutation(150)[entity]
    first, second = (cross_fitting_folds(labelled(is_fraud, entity=ids), 5, seed=1) for ids in (entity, renamed))
    np.testing.assert_array_equal(first, second)


def test_validation_folds_are_of_the_contracts_own_kind():
    assert {fold.kind for fold in validation_folds(daily(40)[0], PrequentialSettings(), seed=1)} == {"time"}
    plain = validation_folds(labelled(every_tenth(200)), PrequentialSettings(folds=3), seed=1)
    assert [fold.kind for fold in plain] == ["stratified"] * 3
    assert sorted(np.concatenate([fold.test for fold in plain])) == list(range(200))
    for fold in plain:
        assert not set(fold.train) & set(fold.test)


def test_folds_with_too_few_frauds_are_refused():
    with pytest.raises(InvalidDataset, match="the test part of fold 1 would have"):
        validation_folds(labelled(np.arange(200) < 5), PrequentialSettings(folds=4), seed=1)
