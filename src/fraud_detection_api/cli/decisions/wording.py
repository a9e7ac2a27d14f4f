"""What a label says, in the words of the contract's purpose."""

from contextlib import suppress
from typing import TYPE_CHECKING

from fraud_detection_api.errors import MissingExtra, RegistryUnavailable
from fraud_detection_api.report.document import words_for

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.report.document import Words
    from fraud_detection_api.settings import Settings


def label_text(words: "Words", *, is_fraud: bool) -> str:
    """What a label says of a decision."""
    return words.event if is_fraud else words.other


def computed_by(settings: "Settings", version: str) -> frozenset[str]:
    """The fields of records that are history features of this model. None where the registry cannot be read."""
    from fraud_detection_api.container.registry import build_registry
    from fraud_detection_api.services.models.contracts import history_held

    with suppress(RegistryUnavailable, MissingExtra):
        return history_held(build_registry(settings.registry), version)
    return frozenset()


def words_of_labels(settings: "Settings") -> "Words":
    """The words of the contract that the settings name, else of the registry's, else of fraud.

    A registry that cannot be read does not keep anybody from reading decisions. Raises InvalidContract, InvalidSetting.
    """
    from fraud_detection_api.container.registry import build_registry
    from fraud_detection_api.contract.loading import load_contract
    from fraud_detection_api.services.models.contracts import purpose_held

    purpose: str | None = None
    if settings.contract is not None:
        purpose = load_contract(settings.contract).purpose
    else:
        with suppress(RegistryUnavailable, MissingExtra):
            purpose = purpose_held(build_registry(settings.registry))
    return words_for(purpose or "fraud")
