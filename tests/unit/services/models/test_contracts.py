"""Which contract a registry belongs to."""

import pytest

from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.services.models.contracts import contract_held, require_models_of, require_registry_of
from support.builders import credit_files, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry

DAMAGED = {"contract.json": b"{"}


def holding(*bundles) -> InMemoryRegistry:
    registry = InMemoryRegistry()
    for files in bundles:
        registry.register(files)
    return registry


def test_a_registry_without_models_belongs_to_no_contract():
    assert contract_held(holding()) is None
    require_registry_of(holding(), "loans", where="here")


def test_without_a_champion_the_oldest_version_that_can_be_read_decides():
    assert contract_held(holding(DAMAGED, credit_files(), every_dtype_files())) == "credit"


def test_the_champion_decides_whatever_else_is_there():
    registry = holding(credit_files(), every_dtype_files())
    registry.assign("champion", "2")
    assert contract_held(registry) == "every_dtype"


def test_a_refusal_names_both_contracts_and_the_options():
    with pytest.raises(ContractMismatch, match=r"'credit'.*'loans'.*--registry.*--allow-contract-change"):
        require_registry_of(registry_with_champion(), "loans", where="here")


def test_a_store_goes_with_a_registry_that_has_models_of_its_contract():
    registry = holding(credit_files(), every_dtype_files())
    registry.assign("champion", "2")
    require_models_of(registry, "credit", where="here")  # those that decided before the contract changed
    require_models_of(registry, None, where="here")
    require_models_of(holding(), "loans", where="here")
    with pytest.raises(ContractMismatch, match=r"'loans'.*--registry"):
        require_models_of(registry, "loans", where="here")
