"""ModelFitter: data → split → trees → calibration → evaluation → bundle → registry."""

import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import xgboost
from numpy.typing import NDArray

from fraud_detection_api import __version__
from fraud_detection_api.contract.encoding import Encoder
from fraud_detection_api.model.bundle import Scorer, seal_bundle
from fraud_detection_api.model.forest import Forest
from fraud_detection_api.model.reference import reference_histograms
from fraud_detection_api.ports import ModelRegistry
from fraud_detection_api.training.calibrate import fit_calibration
from fraud_detection_api.training.categories import learn_level_codes
from fraud_detection_api.training.dataset import Dataset
from fraud_detection_api.training.evaluate import Evaluation, evaluate
from fraud_detection_api.training.splits import Split, split_dataset
from fraud_detection_api.training.train_xgboost import Progress, TrainedTrees, XGBoostSettings, XGBoostTrainer


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A registered model: its version, its bundle's digest and how good it is on the test part."""

    version: str
    digest: str
    evaluation: Evaluation
    card: dict[str, Any]


@dataclass(frozen=True)
class ModelFitter:
    """Makes models and registers them. `seed` decides the split and the trees; `threads` is 0 for all cores.

    The bundle depends on the data, the seed and the settings alone.
    """

    registry: ModelRegistry
    seed: int
    settings: XGBoostSettings = field(default_factory=XGBoostSettings)
    threads: int = 0

    def fit(self, dataset: Dataset, *, now: datetime, on_progress: Progress = lambda _share: None) -> FittedModel:
        """Train on `dataset` and register the bundle, stamped `now`; nothing is registered where anything fails.

        Raises InvalidDataset where the split would leave a part without frauds.
        """
        split = split_dataset(dataset, seed=self.seed)
        encoder = _fit_encoder(dataset, split)
        train, validation, test = (
            (encoder.encode(dataset.rows(rows)), dataset.is_fraud[rows])
            for rows in (split.train, split.validation, split.test)
        )
        trees = XGBoostTrainer(self.settings, self.seed, self.threads).fit(
            train, validation, monotone=_monotone(encoder), on_progress=on_progress
        )
        model = bytes(trees.booster.save_raw(raw_format="ubj"))
        forest = Forest(model)
        scorer = Scorer(encoder, forest, fit_calibration(forest.margins(validation[0]), validation[1]))
        probability = scorer.calibration.probabilities(forest.margins(test[0]))
        evaluation = evaluate(test[1], probability, known_probability=_known(dataset, split.test), seed=self.seed)
        card = self._card(dataset, split, encoder, trees, evaluation)
        reference = reference_histograms(dataset.contract, dataset.rows(split.train), probability)
        sealed = seal_bundle(scorer, model, card=card, reference=reference, created_at=_timestamp(now))
        return FittedModel(self.registry.register(sealed.files), sealed.digest, evaluation, card)

    def _card(
        self, dataset: Dataset, split: Split, encoder: Encoder, trees: TrainedTrees, evaluation: Evaluation
    ) -> dict[str, Any]:
        """The model card: what a person asks of a model. No time and no path, so that the same training has one digest."""
        parts = {name: getattr(split, name) for name in ("train", "validation", "test")}
        return {
            "contract": {"name": dataset.contract.name, "fingerprint": dataset.contract.fingerprint},
            "data": {
                "rows": len(dataset),
                "frauds": int(dataset.is_fraud.sum()),
                "period": _period(dataset),
                "digest": dataset.digest,
            },
            "features": list(encoder.column_names),
            "split": {
                "kind": split.kind,
                **{
                    name: {"rows": len(rows), "frauds": int(dataset.is_fraud[rows].sum())}
                    for name, rows in parts.items()
                },
            },
            "training": {"seed": self.seed, "settings": asdict(self.settings), "rounds": list(trees.rounds)},
            "evaluation": evaluation.as_json(),
            "software": {
                "fraud-detection-api": __version__,
                "python": platform.python_version(),
                "xgboost": xgboost.__version__,
                "numpy": np.__version__,
                "polars": pl.__version__,
            },
        }


def _period(dataset: Dataset) -> list[str] | None:
    """First and last time of the records, ISO 8601; None where the contract has no time column."""
    if dataset.seconds is None:
        return None
    return [_timestamp(datetime.fromtimestamp(float(edge(dataset.seconds)), UTC)) for edge in (np.min, np.max)]


def _fit_encoder(dataset: Dataset, split: Split) -> Encoder:
    """Encoder whose level codes were learned on the training part alone."""
    codes = {
        name: learn_level_codes(dataset.columns[name][split.train], dataset.is_fraud[split.train])
        for name, feature in dataset.contract.features.items()
        if feature.dtype == "category"
    }
    return Encoder(dataset.contract, codes)


def _monotone(encoder: Encoder) -> tuple[int, ...]:
    declared = encoder.contract.monotone_columns
    return tuple(declared.get(name, 0) for name in encoder.column_names)


def _known(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    return None if dataset.known_probability is None else dataset.known_probability[rows]


def _timestamp(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
