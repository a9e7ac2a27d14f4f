"""The model of a fresh installation, trained on simulated credit records."""

from datetime import datetime

from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.services.models.aliases import CHAMPION, Cause
from fraud_detection_api.services.models.registry import ModelRegistry
from fraud_detection_api.training.data.load import dataset_from_frame
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from fraud_detection_api.training.model_fitter import FittedModel, ModelFitter
from fraud_detection_api.training.train_xgboost import Progress

ROWS = 100_000
SEED = 7


def fit_default_model(registry: ModelRegistry, *, by: str, now: datetime, on_progress: Progress) -> FittedModel:
    """Register a model of the credit contract and make it champion; `by` is recorded as who asked for it."""
    frame = simulate_credit_records(ROWS, seed=SEED)
    dataset = dataset_from_frame(frame, load_contract(CREDIT), source="simulated records")
    # Whether more records would help is no question where a simulator makes them, and answering it takes as long as the fit.
    fitted = ModelFitter(registry, SEED, training_shares=()).fit(dataset, now=now, on_progress=on_progress)
    reasons = ("there was no sound champion to compare with",)
    cause = Cause("promote", by, "the default model, on simulated records", gate_reasons=reasons, digest=fitted.digest)
    registry.assign(CHAMPION, fitted.version, cause)
    return fitted
