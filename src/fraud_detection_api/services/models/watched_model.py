"""The model that an alias of the registry points at, followed off the response's path; one that does not verify is none."""

import logging

from fraud_detection_api.errors import CorruptBundle, FraudError, UnknownModel
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.services.models.aliases import Alias
from fraud_detection_api.services.models.champion import ServedModel
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.telemetry import log_event


class WatchedModel:
    """Keeps the alias' model loaded, where there is one. For one thread."""

    def __init__(self, registry: ModelRegistry, alias: Alias) -> None:
        self._registry, self._alias = registry, alias
        self._seen: tuple[str, str] | None = None
        self._served: ServedModel | None = None
        self._reason = ""

    def current(self) -> ServedModel | None:
        """The model, as of the last refresh."""
        return self._served

    def refresh(self) -> None:
        """Load the model where it is another version than before: digests first, then golden rows.

        One that does not verify is refused, with a log line, and nothing takes its place. While the registry is away, the
        model of before goes on.
        """
        version = seen = None
        try:
            version = self._registry.assigned(self._alias)
            seen = None if version is None else (version, self._registry.stamp(version))
            if seen != self._seen:
                self._served = None if version is None else self._verified(version)
                self._seen, self._reason = seen, ""
        except (CorruptBundle, UnknownModel) as error:
            self._seen, self._served = seen, None  # what was read is not read again: its files never change
            if str(error) != self._reason:
                log_event(f"{self._alias}_refused", level=logging.ERROR, version=version, reason=str(error))
            self._reason = str(error)
        except FraudError as error:
            if str(error) != self._reason:
                log_event(f"{self._alias}_unknown", level=logging.WARNING, reason=str(error))
            self._reason = str(error)

    def _verified(self, version: str) -> ServedModel:
        bundle = read_bundle(self._registry.fetch(version), source=f"version {version}")
        log_event(f"{self._alias}_loaded", version=version, digest=bundle.digest)
        return ServedModel(version, bundle)
