"""The protocols: a file, its contract, which records a model learns from and which it is measured on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.training.data.dataset import Dataset
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.data.splits import PrequentialSettings, Split, prequential_folds
from fraud_detection_api.training.tuning.objective import ObjectiveName
from fraud_detection_api.training.tuning.tune import contract_for_tuning

CONTRACTS = Path(__file__).parent / "contracts"
TUNED_BEFORE = np.datetime64("2018-08-22", "s").astype(np.int64)
"""The handbook's folds for tuning lie 14 days before those for testing: nothing later may be looked at."""

WINDOWS = PrequentialSettings(folds=4, train_days=7, delay_days=7, test_days=7, stride_days=7, leave_out_known=True)


@dataclass(frozen=True)
class Protocol:
    """`tuned_for` is None where the data is too small to tune on; `tuned_once` where tuning has data of its own."""

    name: str
    title: str
    file: str
    metrics: tuple[str, ...]
    folds: Callable[[Dataset], list[Split]]
    tuned_for: ObjectiveName | None = None
    tuned_once: Callable[[Dataset], tuple[Dataset, list[Split]]] | None = None

    @property
    def contract(self) -> Contract:
        return load_contract(CONTRACTS / f"{self.name}.toml")

    def load(self, folder: Path) -> Dataset:
        """The file with every ratio that tuning may choose; `following(contract)` is without."""
        return load_dataset(folder / self.file, contract_for_tuning(self.contract))


def _stratified(repeats: int) -> Callable[[Dataset], list[Split]]:
    def folds(data: Dataset) -> list[Split]:
        return [
            Split("stratified", train, test)
            for repeat in range(repeats)
            for train, test in StratifiedKFold(3, shuffle=True, random_state=repeat).split(data.rows, data.is_fraud)
        ]

    return folds


def _handbook_tuning(data: Dataset) -> tuple[Dataset, list[Split]]:
    assert data.seconds is not None
    early = data.take(data.seconds < TUNED_BEFORE)
    return early, prequential_folds(early, WINDOWS)


PROTOCOLS: dict[str, Protocol] = {
    "1": Protocol(
        "handbook",
        "Card payments of the Fraud Detection Handbook, four folds in time",
        "handbook_transactions.parquet",
        ("AUC", "AP", "log loss", "CP@100"),
        lambda data: prequential_folds(data, WINDOWS),
        tuned_for="average_precision",
        tuned_once=_handbook_tuning,
    ),
    "2": Protocol(
        "uci",
        "UCI default of credit card clients, stratified 3-fold",
        "uci_default_credit_card.parquet",
        ("AUC", "AP", "log loss"),
        _stratified(1),
        tuned_for="roc_auc",
    ),
    "3": Protocol(
        "german",
        "German credit, stratified 3-fold, ten repeats",
        "german_credit.parquet",
        ("AUC", "AP", "log loss"),
        _stratified(10),
    ),
    "4": Protocol(
        "polish",
        "Polish companies' bankruptcy, first year, stratified 3-fold",
        "polish_bankruptcy_1year.parquet",
        ("AUC", "AP", "log loss"),
        _stratified(1),
        tuned_for="average_precision",
    ),
    "5": Protocol(
        "lending_club",
        "LendingClub loans, 823 zip codes, stratified 3-fold",
        "lending_club_loans.parquet",
        ("AUC", "AP", "log loss"),
        _stratified(1),
        tuned_for="average_precision",
    ),
    "6": Protocol(
        "sba",
        "SBA loans, categories of up to 6,200 levels, stratified 3-fold",
        "sba_loans.parquet",
        ("AUC", "AP", "log loss"),
        _stratified(1),
        tuned_for="average_precision",
    ),
    "7": Protocol(
        "handbook_raw",
        "The same card payments as they come in: history features of the contract, four folds in time",
        "handbook_raw.parquet",
        ("AUC", "AP", "log loss", "CP@100"),
        lambda data: prequential_folds(data, WINDOWS),
        tuned_for="average_precision",
        tuned_once=_handbook_tuning,
    ),
}
