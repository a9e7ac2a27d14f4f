"""Measure a registered model on a file of labelled records."""

from pathlib import Path
from typing import NamedTuple

from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.settings import Settings
from fraud_detection_api.training.data.load import load_dataset
from fraud_detection_api.training.evaluate import Evaluation, evaluate_bundle


class EvaluatedModel(NamedTuple):
    """A model and how good it is on a file; `learned_from`: these are the records that it was trained on."""

    version: str
    digest: str
    evaluation: Evaluation
    learned_from: bool


def evaluate_model(settings: Settings, version: str, file: Path) -> EvaluatedModel:
    """Measure a version, or what an alias stands for. Raises UnknownModel, NoChampion, CorruptBundle, InvalidDataset."""
    model = ModelService(build_registry(settings.registry)).load(version)
    bundle = model.bundle
    dataset = load_dataset(file, bundle.contract)
    learned_from = dataset.digest == bundle.card["data"]["digest"]
    return EvaluatedModel(model.version, bundle.digest, evaluate_bundle(bundle, dataset), learned_from)
