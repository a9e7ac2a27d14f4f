"""The job behind `fraud serve`: what it announces, and what it asks of the server."""

import json

import pytest

from fraud_detection_api.container import process
from fraud_detection_api.jobs import serving
from fraud_detection_api.jobs.listener import Listener
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry
from support.payments import payments_files


@pytest.fixture
def announced(monkeypatch):
    """The example record that is announced where a registry holds these models."""
    monkeypatch.setattr(
        serving, "run_server", lambda _settings, *, stores, on_listening: on_listening("http://127.0.0.1:80")
    )
    build = process.build_container

    def announce(registry) -> dict:
        monkeypatch.setattr(serving, "build_container", lambda settings: build(settings, registry=registry))
        examples = []
        serving.serve(
            Settings(store="none"),
            train_if_empty_by=None,
            listener=Listener(step=None, say=examples.append),
            on_listening=lambda _address, example, has_keys: examples.append(example),
        )
        (example,) = examples
        return example

    return announce


def test_the_example_is_a_record_of_the_champions_contract(announced, registry):
    assert announced(registry) == OVERDRAWN
    assert set(announced(registry_with_champion(every_dtype_files()))) >= {"amount_eur", "channel"}


def test_the_example_is_no_newer_than_the_records_that_the_model_learned_from(announced):
    files = payments_files()
    assert announced(registry_with_champion(files))["paid_at"] == json.loads(files["card.json"])["data"]["period"][1]


def test_without_a_champion_the_example_follows_the_configured_contract(announced):
    assert announced(InMemoryRegistry()) == OVERDRAWN
