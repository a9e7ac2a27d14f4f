"""Which records a model is trained on and which it is measured on: by time, by customer, or at random."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.training.data.dataset import Dataset

TEST_SHARE = 0.2
MOST_PARTS = 1000
MIN_FRAUDS = 3
SECONDS_A_DAY = 86_400.0

Kind = Literal["time", "grouped", "stratified"]


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of a dataset's records, int64: those to train on and those to measure on; no record is in both.

    `kind` says how they were divided. Records in neither lie in the label delay, or belong to entities already known as
    fraudulent.
    """

    kind: Kind
    train: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How to hold records out.

    `delay_days`: a record's label is known only that long after it, so training ends that long before the test begins;
    None is the contract's delay. `leave_out_known`: leave entities out of the test that are already known as fraudulent.
    """

    test_share: float = TEST_SHARE
    delay_days: float | None = None
    leave_out_known: bool = False


@dataclass(frozen=True, slots=True)
class PrequentialSettings:
    """Folds in time, in days: train on `train_days`, wait `delay_days`, test on `test_days`; again `stride_days` earlier.

    The first fold's test ends with the data's last day. None means the contract's delay, training on all earlier days,
    and a test and stride such that `folds` folds cover the later half. Source: Gama, Sebastião and Rodrigues, "On
    evaluating stream learning algorithms", Machine Learning 90, 2013; delay and known entities as in Le Borgne et al.,
    "Reproducible Machine Learning for Credit Card Fraud Detection", 2022, chapter 5.
    """

    folds: int = 4
    train_days: float | None = None
    delay_days: float | None = None
    test_days: float | None = None
    stride_days: float | None = None
    leave_out_known: bool = False


def kind_of(data: Dataset) -> Kind:
    """By time where the contract has one, by entity where entities have several records, else at random."""
    if data.seconds is not None:
        return "time"
    repeated = data.entity is not None and len(np.unique(data.entity)) < len(data)
    return "grouped" if repeated else "stratified"


def hold_out(data: Dataset, settings: SplitSettings, *, seed: int) -> Split:
    """A share of the records to measure on, the rest to train on.

    By time, the test part is the latest. Raises InvalidDataset where a part would hold fewer than MIN_FRAUDS records of
    either class.
    """
    kind = kind_of(data)
    if kind == "time":
        split = _latest(data, settings)
    else:
        share = Fraction(settings.test_share).limit_denominator(MOST_PARTS)
        folds = cross_fitting_folds(data, share.denominator, seed=seed)
        # spread over the folds, because with few records the first folds have more
        chosen = folds * share.numerator % share.denominator < share.numerator
        split = Split(kind, np.flatnonzero(~chosen), np.flatnonzero(chosen))
    if kind == "time" and not len(split.train):
        days = delay_in_days(data, settings.delay_days)
        problem = f"no record is older than the test part by {days:g} days, the delay of the labels"
        raise InvalidDataset("the data", [f"{problem}; shorten the delay, or add older records"])
    for name, rows in (("train", split.train), ("test", split.test)):
        require_both_classes(data.is_fraud[rows], f"the {name} part")
    return split


def require_both_classes(is_fraud: NDArray[np.bool_], part: str) -> None:
    """Raise InvalidDataset unless there are MIN_FRAUDS records of each class."""
    frauds = int(is_fraud.sum())
    if min(frauds, len(is_fraud) - frauds) < MIN_FRAUDS:
        found = f"{frauds} records of the target's positive value in {len(is_fraud)} rows"
        problem = f"{part} would have {found}, and needs {MIN_FRAUDS} records of each class"
        raise InvalidDataset("the data", [f"{problem}; add labelled records"])


def _latest(data: Dataset, settings: SplitSettings) -> Split:
    assert data.seconds is not None
    order = np.argsort(data.seconds, kind="stable")
    test = order[rows_before_test(data, settings) :]
    begin = data.seconds[test[0]] if len(test) else np.inf
    delay = delay_in_days(data, settings.delay_days)
    earlier = order[: len(order) - len(test)]
    train = earlier[data.seconds[earlier] + delay * SECONDS_A_DAY <= begin]
    if settings.leave_out_known:
        test = test[~_known_fraudulent(data, test, since=-np.inf, delay_days=delay)]
    return Split("time", train, test)


def rows_before_test(data: Dataset, settings: SplitSettings) -> int:
    """Number of records before the test part, where that is the latest."""
    return round(len(data) * (1 - settings.test_share))


def delay_in_days(data: Dataset, given: float | None) -> float:
    """The delay of the labels: the given one, or else the contract's."""
    return data.contract.target.label_delay_days if given is None else given


def _known_fraudulent(data: Dataset, test: NDArray[np.int64], *, since: float, delay_days: float) -> NDArray[np.bool_]:
    """Mask over `test`: the record's entity had a fraud from `since` on whose label was known by the record's day.

    Days are UTC days, and a label is known `delay_days` after the end of its record's day.
    """
    if data.entity is None or data.seconds is None:
        raise InvalidDataset("the data", ["has no id or no time, so known entities cannot be left out of the test"])
    day = np.floor(data.seconds / SECONDS_A_DAY)
    frauds = np.flatnonzero(data.is_fraud & (data.seconds >= since))
    entities, inverse = np.unique(data.entity, return_inverse=True)
    first_known = np.full(len(entities), np.inf)
    np.minimum.at(first_known, inverse[frauds], day[frauds] + 1 + delay_days)
    return np.asarray(first_known[inverse[test]] <= day[test])


def prequential_folds(data: Dataset, settings: PrequentialSettings) -> list[Split]:
    """Folds in time, the latest first. Raises InvalidDataset for data without a time, or where a fold lacks a class."""
    if data.seconds is None:
        raise InvalidDataset("the data", ["has no time, so there are no folds in time; declare [time] in the contract"])
    days = data.seconds / SECONDS_A_DAY
    first, end = np.floor(days.min()), np.floor(days.max()) + 1
    delay = delay_in_days(data, settings.delay_days)
    test_days = settings.test_days or (end - first - delay) / 2 / settings.folds
    stride = settings.stride_days or test_days
    folds = []
    for number in range(settings.folds):
        test_begin = end - test_days - number * stride
        train_end = test_begin - delay
        train_begin = first if settings.train_days is None else train_end - settings.train_days
        if train_begin < first:
            fix = "use fewer folds or shorter windows"
            raise InvalidDataset("the data", [f"fold {number + 1} would begin before the first record; {fix}"])
        folds.append(_fold(data, days, (train_begin, train_end), (test_begin, test_begin + test_days), delay, settings))
        for name, rows in (("train", folds[-1].train), ("test", folds[-1].test)):
            require_both_classes(data.is_fraud[rows], f"the {name} part of fold {number + 1}")
    return folds


def _fold(
    data: Dataset,
    days: NDArray[np.float64],
    training: tuple[float, float],
    testing: tuple[float, float],
    delay: float,
    settings: PrequentialSettings,
) -> Split:
    train = np.flatnonzero((days >= training[0]) & (days < training[1]))
    test = np.flatnonzero((days >= testing[0]) & (days < testing[1]))
    if settings.leave_out_known:
        test = test[~_known_fraudulent(data, test, since=training[0] * SECONDS_A_DAY, delay_days=delay)]
    return Split("time", train, test)


def cross_fitting_folds(data: Dataset, count: int, *, seed: int) -> NDArray[np.int64]:
    """A fold for each record, int64 (n,) from 0 to `count` - 1.

    Each fold has nearly the same share of fraud; an entity's records, where it has several, are in one fold.
    """
    rng = np.random.default_rng(seed)
    if data.entity is None:
        return _dealt(np.arange(len(data)), data.is_fraud, count, rng)
    _, first, inverse = np.unique(data.entity, return_index=True, return_inverse=True)
    is_fraudulent = np.zeros(len(first), dtype=np.bool_)
    np.logical_or.at(is_fraudulent, inverse, data.is_fraud)
    in_order = np.argsort(first, kind="stable")  # by first appearance, so that the ids have no influence
    return _dealt(in_order, is_fraudulent, count, rng)[inverse]


def _dealt(
    in_order: NDArray[np.int64], is_fraudulent: NDArray[np.bool_], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A fold for each entity; those of each class are shuffled and dealt out to the folds one by one."""
    folds = np.empty(len(in_order), dtype=np.int64)
    for label in (False, True):
        members = rng.permutation(in_order[is_fraudulent[in_order] == label])
        folds[members] = np.arange(len(members)) % count
    return folds


def validation_folds(data: Dataset, settings: PrequentialSettings, *, seed: int) -> list[Split]:
    """Folds of the data's kind: in time, or stratified and grouped by entity."""
    kind = kind_of(data)
    if kind == "time":
        return prequential_folds(data, settings)
    folds = cross_fitting_folds(data, settings.folds, seed=seed)
    splits = [Split(kind, np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(settings.folds)]
    for number, split in enumerate(splits, 1):
        require_both_classes(data.is_fraud[split.test], f"the test part of fold {number}")
    return splits
