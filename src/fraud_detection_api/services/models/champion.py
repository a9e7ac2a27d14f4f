"""The model in service: verified, then swapped in whole; a bad one never replaces a good one."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fraud_detection_api.errors import ContractMismatch, FraudError, ModelNotReady, NoChampion
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.model.bundle import Bundle, read_bundle
from fraud_detection_api.services.models.model_metrics import ModelMetrics
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.telemetry import log_event, log_failure


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A verified bundle and the version that it was registered as."""

    version: str
    bundle: Bundle


class ChampionService:
    """Keeps the registry's champion loaded. `required_fingerprint` is that of the records that it must take, if any."""

    def __init__(
        self, registry: ModelRegistry, *, required_fingerprint: str | None = None, metrics: ModelMetrics | None = None
    ) -> None:
        self._registry = registry
        self._metrics = metrics or ModelMetrics(Tallies())
        self._preparations: list[Callable[[Bundle], object]] = [_warm_up]
        self._required_fingerprint = required_fingerprint
        self._served: ServedModel | None = None
        self._stamp = ""
        self._reason = "the model has not been loaded yet"
        self._refreshing = threading.Lock()

    def current(self) -> ServedModel:
        """The model to score with. Raises ModelNotReady, with the reason, where there is none."""
        if self._served is None:
            raise ModelNotReady(self._reason)
        return self._served

    def prepare_with(self, preparation: Callable[[Bundle], object]) -> None:
        """Do this with each model before it goes into service, so that no request waits for it."""
        self._preparations.append(preparation)

    def refresh(self) -> None:
        """Load the champion where it is another version than the one in service.

        Loading verifies digests and golden rows. Where that fails, the model in service stays, and the reason is logged.
        """
        with self._refreshing:  # or a slow load of an older champion could end after a newer one's
            self._refresh()

    def _refresh(self) -> None:
        try:
            version = self._registry.assigned("champion")
            if version is None:
                raise NoChampion("the registry has no champion: run `fraud train FILE --promote`")
            stamp = self._registry.stamp(version)
            if self._served is not None and (self._served.version, self._stamp) == (version, stamp):
                self._reason = ""  # a refused version was rolled back; were it promoted again, that is news
                return
            self._served, self._stamp = ServedModel(version, self._verified(version)), stamp
        except FraudError as error:
            self._refused(str(error))
        else:
            self._reason = ""
            bundle = self._served.bundle
            self._metrics.loaded(version, bundle.digest, bundle.created_at)
            log_event("model_loaded", version=version, digest=bundle.digest)

    async def watch(self, every_seconds: float) -> None:
        """Refresh for ever, off the event loop."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception as error:  # noqa: BLE001 a watcher that dies would freeze the model silently
                log_failure("model_refresh_failed", error)

    def _verified(self, version: str) -> Bundle:
        bundle = read_bundle(self._registry.fetch(version), source=f"version {version}")
        require_contract(bundle, self._required_fingerprint, version=version)
        for prepare in self._preparations:
            prepare(bundle)
        return bundle

    def _refused(self, reason: str) -> None:
        self._metrics.refused()
        if reason != self._reason:
            log_event("model_refused", level=logging.ERROR, reason=reason)
        self._reason = reason


def _warm_up(bundle: Bundle) -> None:
    """Fill the tables that explanations are looked up in."""
    bundle.engine.contributions(np.zeros((1, bundle.scorer.forest.features), dtype=np.float32))


def require_contract(bundle: Bundle, fingerprint: str | None, *, version: str) -> None:
    """Raise ContractMismatch where records of one contract are required and the bundle takes others."""
    if fingerprint is not None and bundle.contract.record_fingerprint != fingerprint:
        mend = "train a model for it, or unset FRAUD_CONTRACT to serve the champion's own"
        raise ContractMismatch(f"version {version} follows another contract than FRAUD_CONTRACT; {mend}")
