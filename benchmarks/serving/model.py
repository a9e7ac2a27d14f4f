"""The one model that everybody serves, and the records that everybody is asked about."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.model.bundle import DOCUMENTS, FORMAT, BundleFiles, read_bundle, seal_bundle
from fraud_detection_api.model.engine import Engine
from fraud_detection_api.model.trees.boosters import load_booster, read_trees
from fraud_detection_api.model.trees.forest import Forest
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.model_fitter import ModelFitter
from fraud_detection_api.training.train_xgboost import XGBoostSettings

TREES, DEPTH = 300, 5
TRAINING_ROWS, ASKED_ROWS = 100_000, 10_000
SEED, ASKED_SEED = 7, 8
SETTINGS = XGBoostSettings(folds=4, max_rounds=76, early_stopping_rounds=76, max_depth=DEPTH)
"""Losses are looked at after 1, 6, … 76 rounds, and still fall by then: of four boosters with 304 trees, 300 are kept."""

BOOSTER = "booster.ubj"


@dataclass(frozen=True)
class BenchmarkModel:
    """A model in a registry for the product, and as XGBoost's own files for its peers, with ASKED_ROWS records to score."""

    registry: Path
    booster_json: Path
    booster_ubj: Path
    engine: Engine

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns; peers are given their values, encoded already."""
        return self.engine.scorer.encoder.column_names

    @property
    def forest(self) -> Forest:
        return self.engine.scorer.forest

    @cached_property
    def booster(self) -> xgboost.Booster:
        """On one thread."""
        return load_booster(self.booster_ubj.read_bytes())

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """Simulated records as a caller sends them; training has not seen them."""
        contract = self.engine.scorer.encoder.contract
        named = [contract.identifier.name] if contract.identifier else []
        frame = simulate_credit_records(ASKED_ROWS, seed=ASKED_SEED).select([*named, *contract.features])
        return frame.to_dicts()

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """The same records encoded, float32 (ASKED_ROWS, columns)."""
        return self.engine.encode(self.records)

    def fraud_probabilities(self, rows: int) -> list[float]:
        """What the product answers for the first records: calibrated."""
        probabilities: list[float] = self.engine.assess_records(self.records[:rows]).probabilities.tolist()
        return probabilities

    def booster_probabilities(self, rows: int) -> list[float]:
        """What XGBoost answers for them: the product's margins, not calibrated."""
        return [1 / (1 + math.exp(-margin)) for margin in self.forest.margins(self.matrix[:rows]).tolist()]


def prepare_model(folder: Path) -> BenchmarkModel:
    """Train, or take what an earlier run trained in `folder` with the same settings."""
    folder.mkdir(parents=True, exist_ok=True)
    registry, stamp = FileRegistry(folder / "registry"), folder / "settings.json"
    made_with = {"settings": repr(SETTINGS), "rows": TRAINING_ROWS, "seed": SEED, "trees": TREES, "format": FORMAT}
    wanted = json.dumps(made_with)
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        registry.assign("champion", registry.register(_train(FileRegistry(folder / "training"))))
        stamp.write_text(wanted, encoding="utf-8")
    version = registry.assigned("champion")
    assert version is not None
    return _exported(registry.fetch(version), folder)


def _train(training: FileRegistry) -> BundleFiles:
    """A bundle of exactly TREES trees, by the product's own training."""
    frame = simulate_credit_records(TRAINING_ROWS, seed=SEED)
    data = dataset_from_frame(frame, load_contract(CREDIT), source="simulated records")
    fitted = ModelFitter(training, SEED, SETTINGS).fit(data, now=datetime.now(UTC))
    return cut_to(training.fetch(fitted.version), TREES)


def cut_to(files: BundleFiles, trees: int) -> BundleFiles:
    """The bundle with its first trees alone, sealed anew: other digests, other golden rows."""
    bundle = read_bundle(files, source="benchmark")
    booster = bytes(load_booster(files[BOOSTER])[:trees].save_raw(raw_format="ubj"))
    return seal_bundle(
        replace(bundle.scorer, forest=Forest.of_booster(booster)),
        booster,
        policy=bundle.policy,
        risk=bundle.risk,
        card=bundle.card,
        evidence=json.loads(files["evidence.json"]),
        reference=bundle.reference,
        documents={name: files[name] for name in DOCUMENTS},
        created_at=bundle.created_at,
    ).files


def _exported(files: BundleFiles, folder: Path) -> BenchmarkModel:
    booster = load_booster(files[BOOSTER])
    grown = read_trees(booster).trees
    if (len(grown), int(grown["depth"].max())) != (TREES, DEPTH):
        raise RuntimeError(f"the model has {len(grown)} trees of depth {grown['depth'].max()}, not {TREES} of {DEPTH}")
    as_json, as_ubj = folder / "model.json", folder / "model.ubj"
    as_json.write_bytes(booster.save_raw(raw_format="json"))
    as_ubj.write_bytes(files[BOOSTER])
    engine = read_bundle(files, source="benchmark").engine
    return BenchmarkModel(folder / "registry", as_json, as_ubj, engine)


def values_of(matrix: NDArray[np.float32]) -> Sequence[Sequence[float]]:
    """Rows as plain numbers. No value is missing: a peer's JSON could not say so."""
    assert np.isfinite(matrix).all()
    return [[float(value) for value in row] for row in matrix]


def named_values(columns: Sequence[str], matrix: NDArray[np.float32]) -> list[Mapping[str, float]]:
    """Rows as objects, a number by its column's name."""
    return [dict(zip(columns, row, strict=True)) for row in values_of(matrix)]
