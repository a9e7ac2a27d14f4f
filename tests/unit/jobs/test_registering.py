"""What becomes of a model that is trained where there is no champion."""

from contextlib import nullcontext

import pytest

from fraud_detection_api.errors import ContractMismatch
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.jobs.registering import Destination, Registration
from fraud_detection_api.services.models.rollout import Order, RolloutService
from fraud_detection_api.training.model_fitter import FittedModel
from support.builders import credit_files, every_dtype_files
from support.fakes import InMemoryRegistry


class Fitter:
    """Registers a finished model; another training makes its own champion right after the next look at the alias."""

    def __init__(self, registry, other: str | None) -> None:
        self._registry, self._other = registry, other

    def fit(self, *_arguments, **_options) -> FittedModel:
        version, look = self._registry.register(credit_files()), self._registry.assigned

        def look_too_early(alias):
            self._registry.assigned = look
            found = look(alias)
            if self._other is not None:
                self._registry.assign("champion", self._other)
            return found

        self._registry.assigned = look_too_early
        return FittedModel(version, "sha256:0", None, {"warnings": []}, None)


def train(registry, *, other=None, required_fingerprint=None) -> list[str]:
    """What the training of a model said."""
    said: list[str] = []
    listener = Listener(step=lambda _what: nullcontext(lambda *_progress, **_options: None), say=said.append)
    rollout = RolloutService(registry, required_fingerprint=required_fingerprint)
    destination = Destination("here", registry, None, rollout, Registration(Order()), listener)
    destination.establish(destination.fit(Fitter(registry, other), None, "Training", source="loans.csv"))
    return said


def test_the_first_model_becomes_champion():
    registry = InMemoryRegistry()
    train(registry)
    assert registry.assigned("champion") == "1"


def test_a_training_whose_champion_was_too_late_succeeds():
    registry = InMemoryRegistry()
    other = registry.register(every_dtype_files())
    said = train(registry, other=other)
    assert registry.assigned("champion") == other
    assert said[-1] == "version 1 became champion meanwhile"


def test_a_first_model_that_cannot_be_champion_is_an_error():
    with pytest.raises(ContractMismatch):
        train(InMemoryRegistry(), required_fingerprint="sha256:other")
