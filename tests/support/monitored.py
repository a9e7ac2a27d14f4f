"""Traffic of simulated records, as an observed store would hold it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import polars as pl
from pydantic_core import to_json

from fraud_detection_api.contract.columns import columns_from_records
from fraud_detection_api.contract.loading import load_contract
from fraud_detection_api.decision.label import Finding
from fraud_detection_api.decision.stored import StoredDecision, StoredRequest
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.monitoring.counts import Bins
from fraud_detection_api.policy.outcomes import OUTCOMES
from fraud_detection_api.services.labels.recording import LabelStore
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.observing.observation_store import CountedSlot, ObservationStore, ShadowDecision
from fraud_detection_api.services.storage.decision_store import DecisionStore
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings
from support.builders import NOW, credit_files
from support.fakes import InMemoryRegistry
from support.kept import decided

NOW_MS = int(NOW.timestamp() * 1000)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
NOT_SENT = ("is_fraud", "true_fraud_probability")


def served(files, version: str) -> ServedModel:
    return ServedModel(version, read_bundle(files, source=version))


@cache
def champion() -> ServedModel:
    """A small credit model."""
    return served(credit_files(), "1")


@cache
def challenger_files():
    """Files of another credit model, of more trees and more records."""
    registry = InMemoryRegistry()
    dataset = dataset_from_frame(simulate_credit_records(20_000, seed=2), load_contract("credit"), source="simulated")
    settings = XGBoostSettings(folds=2, max_rounds=120, max_bin=256, learning_rate=0.1)
    ModelFitter(registry, 2, settings, threads=1, training_shares=(), refit=False).fit(dataset, now=NOW)
    return registry.fetch("1")


@cache
def challenger() -> ServedModel:
    return served(challenger_files(), "2")


@cache
def simulated(rows: int, seed: int) -> pl.DataFrame:
    """Records that the credit models have not seen."""
    return simulate_credit_records(rows, seed=seed)


@dataclass
class Traffic:
    """Records of a frame that models decide on, each at its time in milliseconds since 1970, int64 (n,), rising."""

    frame: pl.DataFrame
    at: np.ndarray
    first: int = 0
    models: list[ServedModel] = field(default_factory=lambda: [champion()])

    def __post_init__(self) -> None:
        self.records = self.frame.drop(NOT_SENT, strict=False).to_dicts()
        self.columns = columns_from_records(load_contract("credit"), self.records)

    @cached_property
    def scored(self) -> list[tuple[np.ndarray, np.ndarray, list[str]]]:
        """Margins, probabilities and outcomes by each model."""
        said = []
        for model in self.models:
            margins, probabilities = model.bundle.scorer.score(self.columns)
            codes = model.bundle.policy.outcomes(probabilities, None)
            said.append((margins, probabilities, [OUTCOMES[code] for code in codes.tolist()]))
        return said

    @cached_property
    def rows(self) -> list[StoredDecision]:
        """As they are kept, by the first model."""
        margins, probabilities, outcomes = self.scored[0]
        bundle = self.models[0].bundle
        made_by = {"model_version": self.models[0].version, "model_digest": bundle.digest}
        shared = {"contract": bundle.contract.record_fingerprint, "policy_version": bundle.policy.version, **made_by}
        said = zip(margins.tolist(), probabilities.tolist(), outcomes, self.records, self.at.tolist(), strict=True)
        return [
            decided(
                self.first + number,
                at,
                margin=margin,
                fraud_probability=probability,
                outcome=outcome,
                record=to_json(record).decode(),
                **shared,
            )
            for number, (margin, probability, outcome, record, at) in enumerate(said)
        ]

    @cached_property
    def shadows(self) -> list[ShadowDecision]:
        """By the second model."""
        margins, probabilities, outcomes = self.scored[1]
        model = self.models[1]
        made_by = (model.version, model.bundle.digest, model.bundle.policy.version)
        said = zip(self.rows, margins.tolist(), probabilities.tolist(), outcomes, strict=True)
        return [
            ShadowDecision(row.decision_id, *made_by, margin, probability, outcome, 12.5, row.decided_at + 3000)
            for row, margin, probability, outcome in said
        ]

    def slots(self) -> list[CountedSlot]:
        """What an observer would count."""
        return [slot for seconds in (300, 3600) for slot in self._slots(seconds)]

    def _slots(self, seconds: int) -> Sequence[CountedSlot]:
        bundle = self.models[0].bundle
        bins, starts = Bins(bundle.reference), self.at - self.at % (seconds * 1000)
        _, probabilities, outcomes = self.scored[0]
        return [
            CountedSlot(
                int(start),
                seconds,
                bundle.digest,
                bins.count(self.columns, probabilities, outcomes, starts == start).as_json(),
            )
            for start in np.unique(starts)
        ]

    def frauds(self) -> list[Finding]:
        """A chargeback for each fraud."""
        is_fraud = self.frame["is_fraud"].to_list()
        return [
            Finding(row.decision_id, True, "chargeback", row.decided_at + DAY_MS)
            for row, fraud in zip(self.rows, is_fraud, strict=True)
            if fraud
        ]

    def save(self, store: DecisionStore, labels: LabelStore, observations: ObservationStore) -> None:
        """Put all of it where a server and its observer would."""
        for begin in range(0, len(self.rows), 2_000):
            store.save([StoredRequest(self.rows[begin : begin + 2_000])])
        for begin in range(0, len(findings := self.frauds()), 500):
            labels.record(findings[begin : begin + 500])
        shadows = self.shadows if len(self.models) > 1 else []
        observations.record(observations.position() + len(self.rows), self.slots(), shadows)


def times(count: int, since: int, until: int) -> np.ndarray:
    """Evenly spread over that time."""
    return np.linspace(since, until - 1, count).astype(np.int64)
