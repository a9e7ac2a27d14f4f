"""A fresh installation's model."""

from functools import partial

from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.training import default_model, model_fitter
from fraud_detection_api.training.default_model import fit_default_model
from support.builders import NOW, QUICK
from support.fakes import InMemoryRegistry


def test_the_default_model_is_a_credit_model_and_champion(monkeypatch):
    monkeypatch.setattr(default_model, "ROWS", 5000)
    quick = partial(model_fitter.ModelFitter, settings=QUICK, threads=1)
    monkeypatch.setattr(default_model, "ModelFitter", quick)
    registry, shares = InMemoryRegistry(), []
    fitted = fit_default_model(registry, by="anna", now=NOW, on_progress=shares.append)
    assert registry.assigned("champion") == fitted.version == "1"
    bundle = read_bundle(registry.fetch("1"), source="test")
    assert bundle.contract.name == "credit"
    assert bundle.card["data"]["rows"] == 5000
    assert fitted.evaluation.metrics["roc_auc"].bayes_limit is not None
    assert shares[-1] == 1.0
