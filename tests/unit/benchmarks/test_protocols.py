"""The protocols' folds, on stand-ins for their files; the contracts, which every user may take as an example."""

import numpy as np
import polars as pl
import pytest

from benchmarks.protocols import CONTRACTS, PROTOCOLS, TUNED_BEFORE
from benchmarks.published import PUBLISHED
from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.training.data.load import dataset_from_frame

DAY = 86_400
FIRST = np.datetime64("2018-07-04", "s").astype(np.int64)
CUSTOMERS = 100


def stand_in(contract: Contract, rows: int, columns: dict) -> pl.DataFrame:
    """A frame with the contract's columns; those not given are 0."""
    names = [*contract.features, contract.target.name]
    dtypes = {name: feature.dtype for name, feature in contract.features.items()}
    plain = {name: ["a" if dtypes.get(name) == "category" else 0] * rows for name in names}
    return pl.DataFrame({**plain, **columns})


@pytest.fixture(scope="module")
def payments():
    """Every customer pays once a day, from 2018-07-04 to 2018-09-04; 3 % of the payments are fraud."""
    contract = PROTOCOLS["1"].contract
    day, customer = (part.ravel() for part in np.mgrid[0:63, 0:CUSTOMERS])
    seconds = FIRST + day * DAY + customer * 60
    columns = {
        "CUSTOMER_ID": customer,
        "TX_DATETIME": (seconds * 1000).astype("datetime64[ms]"),
        "TX_FRAUD": (np.random.default_rng(0).random(len(day)) < 0.03).astype(int),
    }
    return dataset_from_frame(stand_in(contract, len(day), columns), contract, source="payments")


def days(data, rows):
    return (data.seconds[rows] - FIRST) // DAY


def test_the_handbook_is_trained_on_7_days_and_tested_on_7_after_a_delay_of_7(payments):
    folds = PROTOCOLS["1"].folds(payments)
    spans = [[*np.unique(days(payments, f.train))[[0, -1]], *np.unique(days(payments, f.test))[[0, -1]]] for f in folds]
    assert spans[0] == [42, 48, 56, 62]  # 15 to 21 August, 29 August to 4 September
    assert spans == [[first - 7 * k for first in spans[0]] for k in range(4)]


def test_customers_known_as_defrauded_since_the_first_training_day_are_left_out(payments):
    fold = PROTOCOLS["1"].folds(payments)[0]
    day = (payments.seconds - FIRST) // DAY
    expected = [
        row
        for row in np.flatnonzero(day >= 56)
        if not np.any(
            payments.is_fraud & (payments.entity == payments.entity[row]) & (day >= 42) & (day <= day[row] - 8)
        )
    ]
    assert sorted(fold.test) == expected
    assert 0 < len(expected) < 7 * CUSTOMERS


def test_the_handbook_is_tuned_on_the_same_folds_14_days_earlier(payments):
    early, folds = PROTOCOLS["1"].tuned_once(payments)
    assert early.seconds.max() < TUNED_BEFORE
    later = PROTOCOLS["1"].folds(payments)
    for fold, after in zip(folds, later, strict=True):
        assert set(days(early, fold.test)) <= set(days(payments, after.test) - 14)
        assert set(days(early, fold.train)) == set(days(payments, after.train) - 14)


@pytest.mark.parametrize(("number", "folds"), [("2", 3), ("3", 30), ("4", 3)])
def test_the_others_have_three_stratified_folds_that_cover_the_file(number, folds):
    protocol = PROTOCOLS[number]
    contract = protocol.contract
    positive = contract.target.positive
    target = [positive if row % 4 == 0 else 1 - positive if positive == 1 else 1 for row in range(60)]
    frame = stand_in(contract, 60, {contract.target.name: target, **({"ID": range(60)} if number == "2" else {})})
    data = dataset_from_frame(frame, contract, source=protocol.name)
    splits = protocol.folds(data)
    assert len(splits) == folds
    for first in range(0, folds, 3):
        assert sorted(np.concatenate([split.test for split in splits[first : first + 3]])) == list(range(60))
    assert {int(data.is_fraud[split.test].sum()) for split in splits} == {5}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda protocol: protocol.name)
def test_a_protocol_has_a_contract_of_its_own_name_and_published_figures_or_none(protocol):
    assert protocol.contract.name == protocol.name
    assert (CONTRACTS / f"{protocol.name}.toml").is_file()
    for _name, figures, source in PUBLISHED[protocol.name]:
        assert set(figures) <= set(protocol.metrics)
        assert source
