"""Callers send the same records to models that differ in derived features alone; such a change needs no consent."""

from functools import cache

import pytest

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import contract_from_toml
from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.models.rollout import RolloutService
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import EVERY_DTYPE, NOW, every_dtype_contract, every_dtype_files, every_dtype_frame
from support.fakes import InMemoryRegistry

DERIVED = '[derived.amount_a_month]\nformula = "amount_eur / instalments"\n'
TINY = XGBoostSettings(folds=2, max_rounds=5, max_bin=64)


def contract_with(derived: str) -> Contract:
    return contract_from_toml(EVERY_DTYPE.replace(DERIVED, derived), source="changed.toml")


@cache
def files_without_derived():
    registry = InMemoryRegistry()
    data = dataset_from_frame(every_dtype_frame(), contract_with(""), source="made up")
    ModelFitter(registry, 1, TINY, threads=1).fit(data, now=NOW)
    return registry.fetch("1")


@pytest.fixture
def registry() -> InMemoryRegistry:
    """Version 1, with a derived feature, is champion; 2 has none."""
    registry = InMemoryRegistry()
    registry.assign("champion", registry.register(every_dtype_files()))
    registry.register(files_without_derived())
    return registry


@pytest.mark.parametrize("derived", ["", DERIVED.replace("/", "*"), DERIVED.replace("a_month", "monthly")])
def test_derived_features_change_the_fingerprint_and_not_that_of_the_records(derived):
    before, after = every_dtype_contract(), contract_with(derived)
    assert before.fingerprint != after.fingerprint
    assert before.record_fingerprint == after.record_fingerprint


def test_another_feature_changes_both():
    before, after = every_dtype_contract(), contract_with('[features.extra]\ndtype = "float"\n')
    assert before.record_fingerprint != after.record_fingerprint


def test_a_model_of_other_derived_features_is_promoted_without_consent(registry):
    contracts = [read_bundle(registry.fetch(v), source=v).contract for v in ("1", "2")]
    assert contracts[0].fingerprint != contracts[1].fingerprint
    assert RolloutService(registry).promote("2") == "2"
    assert registry.assigned("champion") == "2"


def test_a_server_bound_to_the_records_takes_it_too_and_rolls_back(registry):
    service = RolloutService(registry, required_fingerprint=contract_with("").record_fingerprint)
    assert service.promote("2") == "2"
    assert service.rollback() == "1"


def test_a_server_bound_to_other_records_takes_neither(registry):
    other = contract_with('[features.extra]\ndtype = "float"\n').record_fingerprint
    with pytest.raises(ContractMismatch):
        RolloutService(registry, required_fingerprint=other).promote("2")
    assert registry.assigned("champion") == "1"
