"""The champion in service: a bad one never replaces a good one, and a good one is found again."""

import asyncio
import json
import logging
import time

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import ModelNotReady, RegistryUnavailable
from fraud_detection_api.model.bundle import MANIFEST, read_bundle
from fraud_detection_api.services.models.champion import ChampionService
from support.builders import credit_files, every_dtype_files, other_credit_files
from support.fakes import InMemoryRegistry

CREDIT = read_bundle(credit_files(), source="test").contract.record_fingerprint


def damaged(files) -> dict[str, bytes]:
    return {**files, "card.json": files["card.json"] + b" "}


@pytest.fixture
def service(registry) -> ChampionService:
    """A service whose champion, version 1, is loaded."""
    service = ChampionService(registry)
    service.refresh()
    return service


def promote(registry: InMemoryRegistry, files) -> str:
    version = registry.register(files)
    registry.assign("champion", version)
    return version


def events(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_before_the_first_refresh_there_is_no_model(registry):
    with pytest.raises(ModelNotReady, match="has not been loaded yet"):
        ChampionService(registry).current()


def test_without_a_champion_the_reason_says_what_to_do():
    registry = InMemoryRegistry()
    registry.register(credit_files())
    service = ChampionService(registry)
    service.refresh()
    with pytest.raises(ModelNotReady, match="no champion: run `fraud train FILE --promote`"):
        service.current()


def test_the_champion_is_loaded(service):
    assert service.current().version == "1"
    assert service.current().bundle.contract.name == "credit"


def test_a_refresh_without_news_keeps_the_very_same_model(service):
    before = service.current()
    service.refresh()
    assert service.current() is before


def test_a_newly_promoted_model_is_taken_up(service, registry):
    promote(registry, credit_files())
    service.refresh()
    assert service.current().version == "2"


def test_a_registered_model_that_is_not_champion_is_left_alone(service, registry):
    registry.register(credit_files())
    service.refresh()
    assert service.current().version == "1"


def test_a_rollback_is_followed(service, registry):
    promote(registry, credit_files())
    service.refresh()
    registry.restore_previous("champion")
    service.refresh()
    assert service.current().version == "1"


def test_a_registry_in_the_place_of_another_is_taken_up_though_versions_are_numbered_alike(tmp_path):
    first, second = FileRegistry(tmp_path / "registry"), FileRegistry(tmp_path / "restored")
    promote(first, credit_files())
    time.sleep(0.01)  # some file systems count in ticks
    promote(second, other_credit_files())
    service = ChampionService(first)
    service.refresh()
    before = service.current()
    first.root.rename(tmp_path / "gone")
    service.refresh()
    assert service.current() is before
    second.root.rename(first.root)
    service.refresh()
    assert service.current().version == "1"
    assert service.current().bundle.digest != before.bundle.digest


def test_a_damaged_champion_leaves_the_model_in_service(service, registry):
    promote(registry, damaged(credit_files()))
    service.refresh()
    assert service.current().version == "1"


def test_a_damaged_champion_is_no_model_where_none_was_loaded():
    registry = InMemoryRegistry()
    promote(registry, damaged(credit_files()))
    service = ChampionService(registry)
    service.refresh()
    with pytest.raises(ModelNotReady, match=r"version 1: card\.json is not the file that was registered"):
        service.current()


def test_after_a_damaged_champion_a_sound_one_is_taken_up(service, registry):
    promote(registry, damaged(credit_files()))
    service.refresh()
    promote(registry, credit_files())
    service.refresh()
    assert service.current().version == "3"


def test_a_service_without_a_model_recovers():
    registry = InMemoryRegistry()
    service = ChampionService(registry)
    service.refresh()
    promote(registry, credit_files())
    service.refresh()
    assert service.current().version == "1"


def test_a_registry_that_fails_leaves_the_model_in_service(service, registry, monkeypatch):
    def fail(_alias):
        raise RegistryUnavailable("the registry cannot be read")

    monkeypatch.setattr(registry, "assigned", fail)
    service.refresh()
    assert service.current().version == "1"


def test_a_model_of_another_contract_is_taken_up_where_none_is_required(service, registry):
    promote(registry, every_dtype_files())
    service.refresh()
    assert service.current().bundle.contract.name == "every_dtype"


def test_a_model_of_another_contract_is_refused_where_one_is_required(registry):
    service = ChampionService(registry, required_fingerprint=CREDIT)
    service.refresh()
    promote(registry, every_dtype_files())
    service.refresh()
    assert service.current().version == "1"


def test_a_required_contract_that_the_champion_does_not_follow_is_the_reason(registry):
    service = ChampionService(registry, required_fingerprint="sha256:another")
    service.refresh()
    with pytest.raises(ModelNotReady, match="version 1 follows another contract than FRAUD_CONTRACT"):
        service.current()


def test_a_loaded_model_is_logged_once(registry, caplog):
    caplog.set_level(logging.INFO)
    service = ChampionService(registry)
    service.refresh()
    service.refresh()
    assert events(caplog) == ["model_loaded"]
    assert caplog.records[0].fields["digest"] == json.loads(credit_files()[MANIFEST])["digest"]


def test_a_refused_model_is_logged_once_and_as_an_error(service, registry, caplog):
    promote(registry, damaged(credit_files()))
    for _ in range(3):
        service.refresh()
    assert events(caplog) == ["model_refused"]
    assert caplog.records[0].levelno == logging.ERROR


def test_a_model_that_is_refused_again_after_a_rollback_is_logged_again(service, registry, caplog):
    bad = promote(registry, damaged(credit_files()))
    service.refresh()
    registry.restore_previous("champion")
    service.refresh()
    registry.assign("champion", bad)
    service.refresh()
    assert events(caplog) == ["model_refused", "model_refused"]


async def watched_until(service: ChampionService, condition) -> None:
    watching = asyncio.create_task(service.watch(0.001))
    try:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 the watcher signals to nobody
                await asyncio.sleep(0.001)
    finally:
        watching.cancel()


def test_a_watcher_takes_up_what_is_promoted(service, registry):
    promote(registry, credit_files())
    asyncio.run(watched_until(service, lambda: service.current().version == "2"))


def test_a_watcher_outlives_an_unexpected_error(service, registry, monkeypatch, caplog):
    assigned = registry.assigned
    failures = iter([ZeroDivisionError("secret"), MemoryError()])

    def fail_twice(alias):
        for error in failures:
            raise error
        return assigned(alias)

    promote(registry, credit_files())
    monkeypatch.setattr(registry, "assigned", fail_twice)
    asyncio.run(watched_until(service, lambda: service.current().version == "2"))
    assert events(caplog).count("model_refresh_failed") == 2
    assert "secret" not in caplog.text
