"""Changes of a registered model that leave its scores as they are: another policy, or other words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.contract.shown.presentation import rewordings
from fraud_detection_api.errors import InvalidContract
from fraud_detection_api.model.bundle import SealedBundle, read_bundle, read_card, read_evidence, with_changes
from fraud_detection_api.policy.outcomes import Policy
from fraud_detection_api.training.card import contract_card, timestamp
from fraud_detection_api.training.report.card import card_markdown
from fraud_detection_api.training.report.contents import report_html


@dataclass(frozen=True, slots=True)
class ChangedModel:
    """A bundle that differs from a registered one, and what differs, as JSON values by name."""

    sealed: SealedBundle
    changes: dict[str, Any]


def changed_bundle(
    files: Mapping[str, bytes],
    stated: Mapping[str, Any],
    *,
    policy: Policy | None = None,
    contract: Contract | None = None,
    source: str,
    now: datetime,
) -> SealedBundle:
    """The bundle of `files` with another policy or contract, which the card states as `stated`; its documents anew.

    Fairness and reviews of unseen levels were measured on outcomes of the former policy, and its records are not in the
    bundle: with another policy, the card has none.
    """
    card, evidence = {**read_card(files, source=source)[1], **stated}, read_evidence(files, source=source)[0]
    if policy is not None:
        card.pop("fairness", None)
        card.pop("unseen_levels", None)
    documents = {"card.md": card_markdown(card, evidence), "report.html": report_html(card, evidence)}
    return with_changes(
        files, policy=policy, contract=contract, card=card, documents=documents, created_at=timestamp(now)
    )


def reword(files: Mapping[str, bytes], contract: Contract, *, source: str, file: str, now: datetime) -> ChangedModel:
    """The bundle of `files` in the words of `contract`; it decides the same to the bit.

    The result lists each key that has another text. Errors name `source` for the bundle and `file` for the contract. Raises
    CorruptBundle, ContractMismatch where more than the wording differs, and InvalidContract where nothing does.
    """
    changes = rewordings(read_bundle(files, source=source).contract, contract)
    if not changes:
        raise InvalidContract(file, [f"is already the wording of {source}; nothing was registered"])
    sealed = changed_bundle(files, {"contract": contract_card(contract)}, contract=contract, source=source, now=now)
    return ChangedModel(sealed, {"changed": [change._asdict() for change in changes]})
