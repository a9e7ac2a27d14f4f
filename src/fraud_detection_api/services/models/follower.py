"""Follows an alias of the registry: the model that it points at is verified first, and then swapped in whole."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Generic, Literal, TypeVar

from fraud_detection_api.errors import (
    ContractMismatch,
    CorruptBundle,
    FraudError,
    ModelNotReady,
    NoChampion,
    UnknownModel,
)
from fraud_detection_api.metrics.catalogue import (
    MODEL_CREATED,
    MODEL_INFO,
    MODEL_LOADS,
    UNSEEN_LEVELS,
    UNSEEN_MISSING_VALUES,
)
from fraud_detection_api.metrics.tallies import Tallies
from fraud_detection_api.model.bundle import Bundle, read_bundle
from fraud_detection_api.services.models.aliases import Alias
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.telemetry import log_event, log_failure

T = TypeVar("T")

OnRefusal = Literal["keep", "drop"]
"""What happens when the alias points at no model, or at one that cannot be loaded.

`keep`: the model in service stays, and the refused one is tried again at every refresh. `drop`: no model takes its place,
and what was refused is not read again.
"""


class AliasFollower(Generic[T]):
    """Keeps loaded what `make` makes of the alias's model. `make` raises a FraudError to refuse a model.

    `confirm` is asked at every refresh, and raises ContractMismatch to end the service of a model: what `make` could not
    ask, such as a store that was away, may answer later.

    `current` is None where there is no model. It is replaced whole, so any thread may read it at any time.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        alias: Alias,
        make: Callable[[ServedModel], T],
        *,
        on_refusal: OnRefusal,
        confirm: Callable[[T], None] = lambda _current: None,
        metrics: "ModelMetrics | None" = None,
    ) -> None:
        self._registry, self._alias, self._make, self._on_refusal = registry, alias, make, on_refusal
        self._confirm = confirm
        self._metrics = metrics or ModelMetrics(Tallies())
        self.current: T | None = None
        self._seen: tuple[str, str] | None = None
        self._reason = "the model has not been loaded yet"
        self._refreshing = threading.Lock()

    def require(self) -> T:
        """The current model. Raises ModelNotReady, with the reason, where there is none."""
        current = self.current
        if current is None:
            raise ModelNotReady(self._reason)
        return current

    def refresh(self) -> None:
        """Load the model where the alias points at another one than before: digests are verified first, then golden rows.

        A refusal is logged once, with its reason. While the registry cannot be reached, the model stays.
        """
        with self._refreshing:  # or a slow load of an older model could end after a newer one's
            self._refresh()

    async def watch(self, every_seconds: float) -> None:
        """Refresh for ever, off the event loop."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception as error:  # noqa: BLE001 a watcher that dies would freeze the model silently
                log_failure("model_refresh_failed", error)

    def _refresh(self) -> None:
        version = seen = None
        try:
            version = self._registry.assigned(self._alias)
            seen = self._stamped(version)
            if seen != self._seen:
                self.current = None if version is None else self._loaded(version)
                self._seen = seen
            elif self.current is not None:
                self._confirm_or_drop(self.current)
            self._reason = ""  # a refused version was withdrawn; if it returns, that is logged again
        except FraudError as error:
            self._refused(error, version, seen)

    def _confirm_or_drop(self, current: T) -> None:
        try:
            self._confirm(current)
        except ContractMismatch:
            self.current = self._seen = None
            raise

    def _stamped(self, version: str | None) -> tuple[str, str] | None:
        """The version with its stamp, which tells registries apart that number their versions alike."""
        if version is not None:
            return version, self._registry.stamp(version)
        if self._on_refusal == "keep":
            raise NoChampion(
                f"the registry has no {self._alias}: run `fraud train FILE` or `fraud models promote VERSION`"
            )
        return None

    def _loaded(self, version: str) -> T:
        bundle = read_bundle(self._registry.fetch(version), source=f"version {version}")
        made = self._make(ServedModel(version, bundle))
        self._metrics.loaded(version, bundle)
        log_event(f"{self._event}_loaded", version=version, digest=bundle.digest)
        return made

    def _refused(self, error: FraudError, version: str | None, seen: tuple[str, str] | None) -> None:
        self._metrics.refused()
        about: dict[str, str | None] = {"reason": str(error)}
        what, level = "refused", logging.ERROR
        if self._on_refusal == "drop":
            if isinstance(error, CorruptBundle | UnknownModel):
                self.current, self._seen = None, seen  # a version's files never change, so they are not read again
                about |= {"version": version}
            else:
                what, level = "unknown", logging.WARNING
        if str(error) != self._reason:
            log_event(f"{self._event}_{what}", level=level, **about)
        self._reason = str(error)

    @property
    def _event(self) -> str:
        """The first word of log events: in a worker, the model in service is simply "model"."""
        return "model" if self._on_refusal == "keep" else self._alias


class ModelMetrics:
    """Counts loads and shows which model is in service. For one thread at a time."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._loads = {each: tallies.counter(MODEL_LOADS, each) for each in ("loaded", "refused")}

    def loaded(self, version: str, bundle: Bundle) -> None:
        """Show this model as the one in service, and the fields that may have warnings with 0 until one has."""
        self._loads["loaded"].add()
        self._tallies.forget(MODEL_INFO)
        self._tallies.gauge(MODEL_INFO, version, bundle.digest).set(1)
        for name in bundle.scorer.encoder.level_codes:
            self._tallies.counter(UNSEEN_LEVELS, name)
        for name in bundle.never_missing:
            self._tallies.counter(UNSEEN_MISSING_VALUES, name)
        with suppress(ValueError, OverflowError):  # the time is outside the bundle's digest, so it may be anything
            self._tallies.gauge(MODEL_CREATED).set(datetime.fromisoformat(bundle.created_at).timestamp())

    def refused(self) -> None:
        """Count a model that could not be put into service."""
        self._loads["refused"].add()
