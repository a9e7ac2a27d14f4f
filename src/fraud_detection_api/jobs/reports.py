"""Write out the documents of registered models."""

from typing import NamedTuple

from fraud_detection_api.container.registry import existing_registry
from fraud_detection_api.pages.registration import registered_document
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.settings import Settings


class Document(NamedTuple):
    """A document of a version, for people."""

    version: str
    content: bytes


def model_document(settings: Settings, version_or_alias: str, name: str) -> Document:
    """`report.html` or `card.md` of a version. Raises UnknownModel, CorruptBundle, NoChampion, NoChallenger."""
    version, manifest, content = ModelService(existing_registry(settings.registry)).document(version_or_alias, name)
    return Document(version, registered_document(content, name, version=version, manifest=manifest))
