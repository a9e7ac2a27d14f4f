"""Which contract a registry belongs to, and which stored records follow a contract."""

import pytest

from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.services.models.contracts import (
    RecordContracts,
    contract_held,
    require_models_of,
    require_registry_of,
)
from support.builders import (
    credit_files,
    every_dtype_contract,
    every_dtype_files,
    registry_with_champion,
    reworded_credit_contract,
    reworded_credit_files,
)
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


def test_a_record_that_an_earlier_release_stored_follows_its_contract_in_other_words_too():
    former = load_contract("credit").record_fingerprints[1]
    reworded, registry = reworded_credit_contract(), holding(credit_files(), DAMAGED, every_dtype_files())
    assert former not in reworded.record_fingerprints
    assert RecordContracts(load_contract("credit")).follows(former)
    assert RecordContracts(reworded, registry).follows(former)
    assert not RecordContracts(reworded).follows(former)  # nothing says what contract that was


def test_records_of_another_contract_do_not_follow_whatever_the_registry_holds():
    registry = holding(credit_files(), reworded_credit_files(), every_dtype_files())
    contracts = RecordContracts(reworded_credit_contract(), registry)
    other = every_dtype_contract()
    assert [contracts.follows(one) for one in (*other.record_fingerprints, "sha256:0")] == [False] * 3
