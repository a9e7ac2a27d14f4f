"""Recompute stored decisions and compare every bit."""

import gc
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from fraud_detection_api.container.entities import build_arrivals
from fraud_detection_api.container.registry import existing_registry
from fraud_detection_api.container.secrets import build_recorder
from fraud_detection_api.container.storage import build_log, existing_stores, store_name
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.services.history.lookup import sampled
from fraud_detection_api.services.history.ranges import Summary, replay_ids, replay_range
from fraud_detection_api.services.history.replay import Replayer
from fraud_detection_api.services.models.contracts import require_models_of
from fraud_detection_api.services.models.stored_models import StoredModels
from fraud_detection_api.services.storage.decision_store import DecisionFilter, DecisionStore
from fraud_detection_api.services.workers.pool import Workers
from fraud_detection_api.settings import Settings


class Choice(NamedTuple):
    """Which decisions are replayed: those of `ids`, else those of the filter, or a sample of them."""

    ids: Sequence[str] = ()
    within: DecisionFilter = DecisionFilter()
    sample: int | None = None
    seed: int = 0


def replay_decisions(settings: Settings, chosen: Choice, *, workers: Workers, listener: Listener) -> Summary:
    """Replay decisions; a range is shared by `workers`. Raises UnknownDecision, StoreUnavailable, WorkerLost."""
    opening = partial(open_replay, settings)
    with listener.step("Replaying") as progress:

        def on_progress(share: float, decisions: int) -> None:
            progress(share, f"Replayed {decisions:,} decisions")

        if chosen.ids or chosen.sample is not None:
            store, replayer = opening()
            ids = chosen.ids or sampled(store, chosen.within, chosen.sample or 0, seed=chosen.seed)
            return replay_ids(store, replayer, ids, on_progress)
        return replay_range(opening, chosen.within, workers=workers, on_progress=on_progress)


def refold_decisions(settings: Settings, chosen: Choice, *, listener: Listener) -> Summary:
    """Compare the history features of decisions with what is stored of events. Raises as `replay_decisions`."""
    from fraud_detection_api.services.entities.refolding import Sources, refold  # compiled loops

    registry, store = existing_registry(settings.registry), existing_stores(settings).decisions
    require_models_of(registry, store.contract(), where=store_name(settings))
    recorder = build_recorder(settings)
    sources = Sources(store, build_log(settings), build_arrivals(settings), StoredModels(registry), recorder)
    ids = chosen.ids
    if chosen.sample is not None and not ids:
        ids = sampled(store, chosen.within, chosen.sample, seed=chosen.seed)
        if not ids:
            return Summary()
    with listener.step("Refolding") as progress:

        def on_progress(share: float, decisions: int) -> None:
            progress(share, f"Refolded {decisions:,} decisions")

        gc.disable()  # a third of the time: thousands of arrivals wait, and nothing in them is a cycle
        try:
            return refold(sources, chosen.within, ids, on_progress)
        finally:
            gc.enable()


def open_replay(settings: Settings) -> tuple[DecisionStore, Replayer]:
    """What a process of a replay works with. Raises as `existing_stores` and `existing_registry`."""
    registry, store = existing_registry(settings.registry), existing_stores(settings).decisions
    require_models_of(registry, store.contract(), where=store_name(settings))
    return store, Replayer(StoredModels(registry), build_recorder(settings))
