"""Which contract a registry belongs to, and which one stored records follow.

A name identifies a registry's contract: versions of a contract keep their name.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.loading import parse_contract
from fraud_detection_api.errors import ContractMismatch, CorruptBundle, InvalidContract, UnknownModel
from fraud_detection_api.model.documents import json_object
from fraud_detection_api.services.models.aliases import CHAMPION
from fraud_detection_api.services.models.registry import ModelRegistry


def contract_named(files: Mapping[str, bytes]) -> str | None:
    """The name of the contract in a bundle's files; None where they hold no readable one."""
    contract = _contract_in(files)
    return None if contract is None else contract["name"]


def _contract_in(files: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The contract in a bundle's files, as JSON with a name; None where they hold no readable one."""
    try:
        contract = json_object(files["contract.json"])
        return contract if isinstance(contract["name"], str) else None
    except (KeyError, ValueError, TypeError):
        return None


def contract_held(registry: ModelRegistry) -> str | None:
    """The name of the contract that a registry's models follow; None for a registry without models.

    It is the champion's, or where there is none, that of the oldest version, so that all who ask agree.
    """
    return next(_names(registry, registry.versions()), None)


def purpose_held(registry: ModelRegistry) -> str | None:
    """The purpose of the same contract, `fraud` or `credit`; None for a registry without models."""
    contract = next(_contracts(registry, registry.versions()), None)
    purpose = None if contract is None else contract.get("purpose", "fraud")
    return purpose if purpose in {"fraud", "credit"} else None


def history_held(registry: ModelRegistry, version: str) -> frozenset[str]:
    """The names of the history features of a model; none where the registry does not have it."""
    contract = None
    with suppress(CorruptBundle, UnknownModel):
        contract = _contract_in(registry.fetch(version))
    return frozenset() if contract is None else frozenset(contract.get("history", {}))


def require_registry_of(registry: ModelRegistry, contract: str, *, where: str) -> None:
    """Raise ContractMismatch where the models of the registry at `where` follow a contract of another name."""
    held = contract_held(registry)
    if held not in (None, contract):
        raise ContractMismatch(
            f"the registry {where} holds models of the contract {held!r}, and this one is {contract!r}; name another "
            f"registry (--registry), or add --allow-contract-change if {contract!r} replaces {held!r}"
        )


def require_models_of(registry: ModelRegistry, contract: str | None, *, where: str) -> None:
    """Raise ContractMismatch where a registry has models, but none of the contract whose decisions a store holds."""
    held = None
    for held in _names(registry, registry.versions()[::-1]):
        if contract in (None, held):
            return
    if held is not None:
        raise ContractMismatch(
            f"the decision store {where} holds decisions of the contract {contract!r}, and the registry has no model of "
            "it; name the registry that made them (--registry), or another store (FRAUD_STORE)"
        )


class RecordContracts:
    """Which stored records follow a contract, whatever release stored them and however the contract was worded then.

    Earlier releases stored fingerprints that cover the wording. Which contract such a one means, the models of the registry
    say: they are read, the newest first, when a fingerprint is met that is not known yet.
    """

    def __init__(self, contract: Contract, registry: ModelRegistry | None = None) -> None:
        self._wanted = contract.record_fingerprint
        self._known = dict.fromkeys(contract.record_fingerprints, self._wanted)
        self._others = iter(()) if registry is None else _parsed(registry)

    def follows(self, fingerprint: str) -> bool:
        """Whether records stored with this fingerprint follow the contract. Raises RegistryUnavailable."""
        while fingerprint not in self._known and (other := next(self._others, None)) is not None:
            for stored in other.record_fingerprints:
                self._known.setdefault(stored, other.record_fingerprint)
        return self._known.get(fingerprint) == self._wanted


def _parsed(registry: ModelRegistry) -> Iterator[Contract]:
    """The contracts of a registry's models, the newest after the champion's; what cannot be read has none."""
    for document in _contracts(registry, registry.versions()[::-1]):
        with suppress(InvalidContract):
            yield parse_contract(document, source="the registry")


def _names(registry: ModelRegistry, versions: Iterable[str]) -> Iterator[str]:
    return (contract["name"] for contract in _contracts(registry, versions))


def _contracts(registry: ModelRegistry, versions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Contracts as JSON: the champion's first, then those of the versions; what cannot be read has none."""
    champion = None
    with suppress(CorruptBundle):
        champion = registry.assigned(CHAMPION)
    for version in [*([champion] if champion else []), *versions]:
        with suppress(CorruptBundle, UnknownModel):
            if (contract := _contract_in(registry.fetch(version))) is not None:
                yield contract
