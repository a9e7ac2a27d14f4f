"""Which contract a store belongs to."""

import pytest

from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.services.storage.contracts import StoreContract
from support.fakes import InMemoryDecisionStore


def test_the_first_model_in_service_decides_for_a_store():
    store = InMemoryDecisionStore()
    StoreContract(store, "here").claim("credit")
    other = StoreContract(store, "here")
    for ask in (other.require, other.claim):
        with pytest.raises(ContractMismatch, match=r"here .*'credit'.*'loans'.*--store"):
            ask("loans")
    other.claim("credit")


def test_asking_does_not_claim():
    store = InMemoryDecisionStore()
    StoreContract(store, "here").require("credit")
    StoreContract(store, "here").claim("loans")
    assert store.contract() == "loans"


def test_a_store_that_is_away_is_asked_again():
    store = InMemoryDecisionStore()
    store.claim("credit")
    held, store.error = StoreContract(store, "here"), "is away"
    held.claim("loans")
    store.error = None
    with pytest.raises(ContractMismatch):
        held.claim("loans")


def test_without_a_store_every_contract_is_fine():
    held = StoreContract(None, "none")
    held.claim("credit")
    held.require("loans")
