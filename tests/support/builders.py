"""Small, real things to test with: a contract, records, a dataset, a trained bundle."""

from datetime import UTC, datetime
from functools import cache

import numpy as np
import polars as pl

from fraud_detection_api.contract.loading import contract_from_toml, load_contract, parse_contract
from fraud_detection_api.training.changes import reword
from fraud_detection_api.training.data.dataset import Dataset, EncodedRecords
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.fakes import InMemoryRegistry

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
QUICK = XGBoostSettings(folds=2, max_rounds=60, max_bin=256, learning_rate=0.2)

OVERDRAWN = {
    "customer_id": 345435,
    "number_of_open_accounts": 23,
    "total_credit_limit": 12345,
    "total_balance": 200000,
    "number_of_accounts_in_arrears": 2,
}

EVERY_DTYPE = """
name = "every_dtype"
ignored = ["note"]
[id]
name = "application"
dtype = "str"
[target]
name = "outcome"
positive = "fraud"
[time]
name = "applied_at"
[features.amount_eur]
dtype = "float"
minimum = 0
monotone = "increasing"
[features.instalments]
dtype = "int"
minimum = 1
maximum = 600
[features.is_employed]
dtype = "bool"
nullable = true
[features.channel]
dtype = "category"
nullable = true
[features.opened_at]
dtype = "datetime"
parts = ["year", "month", "day", "weekday", "hour", "minute"]
elapsed_days_since = "2020-01-01"
[derived.amount_a_month]
formula = "amount_eur / instalments"
[constraints.small_loans_are_short]
check = "instalments <= amount_eur"
field = "instalments"
message = "must be at most amount_eur"
"""


def record(**changes: object) -> dict[str, object]:
    """The given overdrawn record, with changes."""
    return {**OVERDRAWN, **changes}


def every_dtype_contract():
    """A contract that uses every dtype and option."""
    return contract_from_toml(EVERY_DTYPE, source="every_dtype.toml")


def every_dtype_frame(rows: int = 600) -> pl.DataFrame:
    """Labelled records of that contract, typed as Parquet would have them; seeded by nothing but the row number."""
    numbers = range(rows)
    return pl.DataFrame(
        {
            "application": [f"A-{n}" for n in numbers],
            "applied_at": [datetime(2025, 1 + n % 12, 1 + n % 28, n % 24, tzinfo=UTC) for n in numbers],
            "amount_eur": [1000.0 + 37 * (n * 7919 % 101) for n in numbers],
            "instalments": [1 + n * 31 % 60 for n in numbers],
            "is_employed": [None if n % 11 == 0 else n % 3 == 0 for n in numbers],
            "channel": [None if n % 13 == 0 else ("web", "branch", "phone")[n * 17 % 3] for n in numbers],
            "opened_at": [datetime(2020 + n % 5, 1 + n % 12, 1 + n % 28, n % 24, n % 60, tzinfo=UTC) for n in numbers],
            "outcome": ["fraud" if n * 7919 % 101 > 70 and n % 2 else "good" for n in numbers],
            "note": ["ignored"] * rows,
        }
    )


@cache
def credit_files():
    """Files of a small sealed bundle of the credit contract."""
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(simulate_credit_records(6000, seed=1), load_contract("credit"), source="simulated")
    ModelFitter(registry, 1, QUICK, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return registry.fetch("1")


@cache
def other_credit_files():
    """Files of another small bundle of the credit contract, with other scores."""
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(simulate_credit_records(3000, seed=2), load_contract("credit"), source="simulated")
    ModelFitter(registry, 2, QUICK, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return registry.fetch("1")


@cache
def every_dtype_files():
    """Files of a small sealed bundle of the every-dtype contract."""
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(every_dtype_frame(), every_dtype_contract(), source="made up")
    ModelFitter(registry, 1, QUICK, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return registry.fetch("1")


def reworded_credit_contract():
    """The credit contract with another text for the balance."""
    document = load_contract("credit").as_json()
    document["features"]["total_balance"]["reason"]["text"] = "You owe {value}"
    return parse_contract(document, source="x")


@cache
def reworded_credit_files():
    """Files of the small credit bundle in those words."""
    return reword(credit_files(), reworded_credit_contract(), source="x", file="y", now=NOW).sealed.files


LEVELS = """
name = "payments"
[id]
name = "payment"
dtype = "str"
[target]
name = "is_fraud"
[features.amount]
dtype = "float"
minimum = 0
[features.channel]
dtype = "category"
nullable = true
[features.colour]
dtype = "category"
"""
"""A contract with a category that fraud depends on, and one that has a single level in the training data."""

CHANNELS = {"WEB": 12, "SHOP": 0, "PHONE": 1}
"""Frauds in a hundred records."""


@cache
def levels_files(unseen: str = "", key: str = "unseen"):
    """Files of a small sealed bundle of the contract LEVELS, whose channel has that key."""
    declared = f"[features.channel]\n{key} = {unseen}" if unseen else "[features.channel]"
    contract = contract_from_toml(LEVELS.replace("[features.channel]", declared), source="levels.toml")
    rows = [
        {
            "payment": f"P-{n}",
            "amount": 10.0 + n * 7919 % 101,
            "channel": channel,
            "colour": "red",
            "is_fraud": int(n * 7919 % 100 < CHANNELS[channel]),
        }
        for n in range(3000)
        for channel in [(*CHANNELS,)[n % 3]]
    ]
    registry = InMemoryRegistry()
    ModelFitter(registry, 1, QUICK, threads=1, training_shares=(), refit=False).fit(
        dataset_from_frame(pl.DataFrame(rows), contract, source="made up"), now=NOW
    )
    return registry.fetch("1")


def registry_with_champion(files=None) -> InMemoryRegistry:
    """A registry whose version 1 is champion."""
    registry = InMemoryRegistry()
    registry.assign("champion", registry.register(files or credit_files()))
    return registry


def assign_each(registry, *versions: str) -> None:
    """Make one version after the other champion."""
    for version in versions:
        registry.assign("champion", version)


def labelled(is_fraud, *, matrix=None, seconds=None, entity=None, levels=None, contract=None) -> Dataset:
    """A dataset of labels, and of whatever else is given: times, entities, a matrix whose columns are called c0, c1, …"""
    is_fraud = np.array(is_fraud, dtype=bool)
    matrix = np.zeros((len(is_fraud), 1), dtype=np.float32) if matrix is None else matrix.astype(np.float32)
    names = tuple(f"c{position}" for position in range(matrix.shape[1]))
    return Dataset(
        contract=contract or load_contract("credit"),
        records=EncodedRecords(matrix, names, np.arange(len(names)), levels or {}, {}),
        rows=np.arange(len(is_fraud)),
        is_fraud=is_fraud,
        entity=None if entity is None else np.array(entity),
        seconds=seconds,
        known_probability=None,
        digest="sha256:0",
    )
