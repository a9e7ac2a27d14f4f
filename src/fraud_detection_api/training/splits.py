"""Train, validation and test rows: stratified by class, or by time where the contract has a time column."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.training.dataset import Dataset

VALIDATION_SHARE = 0.2
TEST_SHARE = 0.2
MIN_FRAUDS = 3


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers, int64, of three parts that share no row; `kind` says how they were told apart."""

    kind: Literal["stratified", "time"]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_dataset(dataset: Dataset, *, seed: int) -> Split:
    """60 % train, 20 % validation, 20 % test.

    By time, the test part is the latest and the training part the earliest. Raises InvalidDataset where a part would
    hold fewer than MIN_FRAUDS records of either class.
    """
    parts = _by_time(dataset.seconds) if dataset.seconds is not None else _stratified(dataset.is_fraud, seed)
    split = Split("time" if dataset.seconds is not None else "stratified", *parts)
    for name, rows in (("train", split.train), ("validation", split.validation), ("test", split.test)):
        frauds = int(dataset.is_fraud[rows].sum())
        if min(frauds, len(rows) - frauds) < MIN_FRAUDS:
            fault = f"the {name} part would hold {frauds} frauds in {len(rows)} rows, and {MIN_FRAUDS} of each class"
            raise InvalidDataset("the data", [f"{fault} is the least; bring more labelled records"])
    return split


def _by_time(seconds: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    return _cut(np.argsort(seconds, kind="stable"))


def _stratified(is_fraud: NDArray[np.bool_], seed: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    classes = [_cut(rng.permutation(np.flatnonzero(is_fraud == label))) for label in (False, True)]
    return [np.sort(np.concatenate(parts)) for parts in zip(*classes, strict=True)]


def _cut(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    test_at = round(len(rows) * (1 - TEST_SHARE))
    validation_at = round(len(rows) * (1 - TEST_SHARE - VALIDATION_SHARE))
    return np.split(rows, [validation_at, test_at])
