"""The challenger: the registry's alias is watched as the champion's is, and what does not verify scores nothing."""

import logging

from fraud_detection_api.errors import CorruptBundle, FraudError, UnknownModel
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.ports import ModelRegistry
from fraud_detection_api.services.champion import ServedModel
from fraud_detection_api.telemetry import log_event


class ChallengerService:
    """Keeps the registry's challenger loaded, where it has one. For one thread."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._version: str | None = None
        self._served: ServedModel | None = None
        self._reason = ""

    def current(self) -> ServedModel | None:
        """The model to shadow with."""
        return self._served

    def refresh(self) -> None:
        """Load the challenger where it is another version than before: digests first, then golden rows.

        One that does not verify is refused, with a log line, and nothing scores in its place. While the registry is away,
        the challenger of before goes on.
        """
        try:
            version = self._registry.assigned("challenger")
            if version != self._version:
                self._served = None if version is None else self._verified(version)
                self._version, self._reason = version, ""
        except (CorruptBundle, UnknownModel) as error:
            self._version, self._served = version, None  # not tried again: its files never change
            log_event("challenger_refused", level=logging.ERROR, version=version, reason=str(error))
        except FraudError as error:
            if str(error) != self._reason:
                log_event("challenger_unknown", level=logging.WARNING, reason=str(error))
            self._reason = str(error)

    def _verified(self, version: str) -> ServedModel:
        bundle = read_bundle(self._registry.fetch(version), source=f"version {version}")
        log_event("challenger_loaded", version=version, digest=bundle.digest)
        return ServedModel(version, bundle)
