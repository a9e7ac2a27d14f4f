"""Three parts that share no record: stratified by class, or the latest records last."""

import numpy as np
import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.training.dataset import Dataset
from fraud_detection_api.training.load import dataset_from_frame
from fraud_detection_api.training.splits import split_dataset
from support.builders import every_dtype_contract, every_dtype_frame


def labelled(is_fraud, seconds=None) -> Dataset:
    return Dataset(load_contract("credit"), {}, np.array(is_fraud, dtype=bool), seconds, None, "sha256:0")


def parts_of(split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def every_tenth(rows: int) -> np.ndarray:
    return np.arange(rows) % 10 == 0


@pytest.mark.parametrize(
    "seconds", [None, np.random.default_rng(0).permutation(1003).astype(float)], ids=["class", "time"]
)
def test_every_record_is_in_exactly_one_part(seconds):
    split = split_dataset(labelled(every_tenth(1003), seconds), seed=1)
    assert sorted(np.concatenate(parts_of(split))) == list(range(1003))


def test_the_parts_are_60_20_and_20_percent():
    split = split_dataset(labelled(every_tenth(1000)), seed=1)
    assert [len(rows) for rows in parts_of(split)] == [600, 200, 200]


def test_each_part_has_the_same_share_of_fraud():
    dataset = labelled(every_tenth(1000))
    split = split_dataset(dataset, seed=1)
    assert split.kind == "stratified"
    assert [dataset.is_fraud[rows].mean() for rows in parts_of(split)] == [0.1, 0.1, 0.1]


def test_the_same_seed_splits_alike():
    first, second = (split_dataset(labelled(every_tenth(500)), seed=4) for _ in range(2))
    for one, other in zip(parts_of(first), parts_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_splits_otherwise():
    first, second = (split_dataset(labelled(every_tenth(500)), seed=seed) for seed in (4, 5))
    assert set(first.test) != set(second.test)


def test_with_a_time_the_latest_records_are_the_test_part():
    seconds = np.random.default_rng(0).permutation(1000).astype(float)
    split = split_dataset(labelled(np.random.default_rng(1).random(1000) < 0.3, seconds), seed=1)
    assert split.kind == "time"
    assert seconds[split.train].max() < seconds[split.validation].min()
    assert seconds[split.validation].max() < seconds[split.test].min()


def test_with_a_time_the_seed_changes_nothing():
    seconds = np.random.default_rng(0).permutation(500).astype(float)
    first, second = (split_dataset(labelled(every_tenth(500), seconds), seed=seed) for seed in (4, 5))
    np.testing.assert_array_equal(first.test, second.test)


def test_a_contract_with_a_time_column_splits_by_it():
    dataset = dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="x")
    assert split_dataset(dataset, seed=1).kind == "time"


@pytest.mark.parametrize("frauds", [1, 8])
def test_too_few_frauds_are_refused_with_counts(frauds):
    with pytest.raises(InvalidDataset, match=r"the \w+ part would hold \d frauds in \d+ rows, and 3 of each class"):
        split_dataset(labelled(np.arange(500) < frauds), seed=1)


def test_too_few_legitimate_records_are_refused():
    with pytest.raises(InvalidDataset, match="bring more labelled records"):
        split_dataset(labelled(np.arange(500) >= 5), seed=1)


def test_fifteen_frauds_are_enough():
    split = split_dataset(labelled(np.arange(500) < 15), seed=1)
    assert [int((rows < 15).sum()) for rows in parts_of(split)] == [9, 3, 3]


def test_frauds_that_all_came_early_are_refused():
    with pytest.raises(InvalidDataset, match="the validation part would hold 0 frauds"):
        split_dataset(labelled(np.arange(500) < 50, np.arange(500.0)), seed=1)
