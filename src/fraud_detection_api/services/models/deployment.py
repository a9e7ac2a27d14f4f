"""What answers requests: a deployment, and the model that is its champion."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.model.bundle import Bundle
from fraud_detection_api.policy.outcomes import Policy

DEFAULT = "default"
"""The name of a server's deployment."""

Parser = TypeVar("Parser")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A verified bundle and the version that it was registered as."""

    version: str
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class Deployment(Generic[Parser]):
    """What a request is answered by, from its first byte to its last: a promotion makes another deployment of this name.

    Contract and policy are the champion's; `parser` reads records of that contract. The challenger has no part in an answer:
    the observer's process follows it, so that no request waits for a model on trial.
    """

    name: str
    contract: Contract
    champion: ServedModel
    policy: Policy
    parser: Parser


def require_contract(model: ServedModel, fingerprint: str | None) -> None:
    """Raise ContractMismatch where a contract is required and the model follows another one."""
    if fingerprint is not None and model.bundle.contract.record_fingerprint != fingerprint:
        fix = "train a model for it, or unset FRAUD_CONTRACT to serve the champion's own"
        raise ContractMismatch(f"version {model.version} follows another contract than FRAUD_CONTRACT; {fix}")
