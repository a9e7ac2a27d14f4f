"""A follower of an alias: in service, a bad model never replaces a good one; on trial, a bad model leaves none."""

import asyncio
import json
import logging
import time

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import ContractMismatch, ModelNotReady, RegistryUnavailable
from fraud_detection_api.model.bundle import MANIFEST, read_bundle
from fraud_detection_api.services.models import follower
from fraud_detection_api.services.models.aliases import CHALLENGER, CHAMPION
from fraud_detection_api.services.models.deployment import ServedModel, require_contract
from fraud_detection_api.services.models.follower import AliasFollower
from support.builders import credit_files, every_dtype_files, other_credit_files
from support.fakes import InMemoryRegistry


def damaged(files) -> dict[str, bytes]:
    return {**files, "card.json": files["card.json"] + b" "}


def in_service(registry, *, required: str | None = None) -> AliasFollower[ServedModel]:
    def make(model: ServedModel) -> ServedModel:
        require_contract(model, required)
        return model

    return AliasFollower(registry, CHAMPION, make, on_refusal="keep")


@pytest.fixture
def service(registry) -> AliasFollower:
    """Its champion, version 1, is loaded."""
    service = in_service(registry)
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
        in_service(registry).require()


def test_without_a_champion_the_reason_says_what_to_do():
    registry = InMemoryRegistry()
    registry.register(credit_files())
    service = in_service(registry)
    service.refresh()
    with pytest.raises(ModelNotReady, match="no champion: run `fraud train FILE` or `fraud models promote VERSION`"):
        service.require()


def test_the_champion_is_loaded(service):
    assert service.require().version == "1"
    assert service.require().bundle.contract.name == "credit"


def test_a_refresh_without_news_keeps_the_same_model(service):
    before = service.require()
    service.refresh()
    assert service.require() is before


def test_a_newly_promoted_model_is_loaded(service, registry):
    promote(registry, credit_files())
    service.refresh()
    assert service.require().version == "2"


def test_a_registered_model_that_is_not_champion_is_not_loaded(service, registry):
    registry.register(credit_files())
    service.refresh()
    assert service.require().version == "1"


def test_a_rollback_is_followed(service, registry):
    promote(registry, credit_files())
    service.refresh()
    registry.restore_previous("champion")
    service.refresh()
    assert service.require().version == "1"


def test_a_registry_that_replaces_another_is_followed_though_versions_have_the_same_numbers(tmp_path):
    first, second = FileRegistry(tmp_path / "registry"), FileRegistry(tmp_path / "restored")
    promote(first, credit_files())
    time.sleep(0.01)  # some file systems count in ticks
    promote(second, other_credit_files())
    service = in_service(first)
    service.refresh()
    before = service.require()
    first.root.rename(tmp_path / "gone")
    service.refresh()
    assert service.require() is before
    second.root.rename(first.root)
    service.refresh()
    assert service.require().version == "1"
    assert service.require().bundle.digest != before.bundle.digest


def test_a_damaged_champion_leaves_the_model_in_service(service, registry):
    promote(registry, damaged(credit_files()))
    service.refresh()
    assert service.require().version == "1"


def test_a_damaged_champion_is_not_loaded():
    registry = InMemoryRegistry()
    promote(registry, damaged(credit_files()))
    service = in_service(registry)
    service.refresh()
    with pytest.raises(ModelNotReady, match=r"version 1: card\.json is not the file that was registered"):
        service.require()


def test_a_sound_champion_is_loaded_after_a_damaged_one(service, registry):
    promote(registry, damaged(credit_files()))
    service.refresh()
    promote(registry, credit_files())
    service.refresh()
    assert service.require().version == "3"


def test_a_service_without_a_model_recovers():
    registry = InMemoryRegistry()
    service = in_service(registry)
    service.refresh()
    promote(registry, credit_files())
    service.refresh()
    assert service.require().version == "1"


def test_a_registry_that_fails_leaves_the_model_in_service(service, registry, monkeypatch):
    def fail(_alias):
        raise RegistryUnavailable("the registry cannot be read")

    monkeypatch.setattr(registry, "assigned", fail)
    service.refresh()
    assert service.require().version == "1"


def test_a_model_of_another_contract_is_loaded_where_none_is_required(service, registry):
    promote(registry, every_dtype_files())
    service.refresh()
    assert service.require().bundle.contract.name == "every_dtype"


def test_a_model_of_another_contract_is_refused_where_one_is_required(registry):
    service = in_service(registry, required=read_bundle(credit_files(), source="test").contract.record_fingerprint)
    service.refresh()
    promote(registry, every_dtype_files())
    service.refresh()
    assert service.require().version == "1"


def test_a_required_contract_that_the_champion_does_not_follow_is_the_reason(registry):
    service = in_service(registry, required="sha256:another")
    service.refresh()
    with pytest.raises(ModelNotReady, match="version 1 follows another contract than FRAUD_CONTRACT"):
        service.require()


def test_a_loaded_model_is_logged_once(registry, caplog):
    caplog.set_level(logging.INFO)
    service = in_service(registry)
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


async def watched_until(service: AliasFollower, condition) -> None:
    watching = asyncio.create_task(service.watch(0.001))
    try:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 the watcher signals to nobody
                await asyncio.sleep(0.001)
    finally:
        watching.cancel()


def test_a_watcher_loads_a_promoted_model(service, registry):
    promote(registry, credit_files())
    asyncio.run(watched_until(service, lambda: service.require().version == "2"))


def test_a_watcher_survives_an_unexpected_error(service, registry, monkeypatch, caplog):
    assigned = registry.assigned
    failures = iter([ZeroDivisionError("secret"), MemoryError()])

    def fail_twice(alias):
        for error in failures:
            raise error
        return assigned(alias)

    promote(registry, credit_files())
    monkeypatch.setattr(registry, "assigned", fail_twice)
    asyncio.run(watched_until(service, lambda: service.require().version == "2"))
    assert events(caplog).count("model_refresh_failed") == 2
    assert "secret" not in caplog.text


@pytest.fixture
def folder(tmp_path) -> FileRegistry:
    """Version 1 is challenger."""
    folder = FileRegistry(tmp_path / "registry")
    folder.assign(CHALLENGER, folder.register(credit_files()))
    return folder


@pytest.fixture
def trial(folder) -> AliasFollower:
    """Its challenger, version 1, is loaded."""
    trial = on_trial(folder)
    trial.refresh()
    return trial


def on_trial(registry, alias=CHALLENGER) -> AliasFollower[ServedModel]:
    return AliasFollower(registry, alias, lambda model: model, on_refusal="drop")


def test_a_model_on_trial_is_loaded_once(trial):
    before = trial.current
    trial.refresh()
    assert trial.current is before
    assert before.version == "1"


def test_a_damaged_alias_leaves_no_model_on_trial_until_another_challenge(trial, folder, caplog):
    alias = folder.root / "aliases" / "challenger"
    alias.chmod(0o644)
    alias.write_bytes(b"{}")
    for _ in range(3):
        trial.refresh()
    assert trial.current is None
    assert events(caplog) == ["challenger_refused"]
    folder.assign(CHALLENGER, "1")
    trial.refresh()
    assert trial.current.version == "1"


def test_a_version_that_is_gone_leaves_no_model_on_trial_until_it_is_back(trial, folder, caplog):
    version = folder.root / "versions" / "1"
    version.rename(folder.root / "gone")
    for _ in range(3):
        trial.refresh()
    assert trial.current is None
    assert events(caplog) == ["challenger_refused"]
    (folder.root / "gone").rename(version)
    trial.refresh()
    assert trial.current.version == "1"


def test_a_damaged_model_on_trial_is_read_once(registry, monkeypatch, caplog):
    registry.assign(CHALLENGER, registry.register(damaged(credit_files())))
    read = []

    def reading(files, *, source):
        read.append(source)
        return read_bundle(files, source=source)

    monkeypatch.setattr(follower, "read_bundle", reading)
    trial = on_trial(registry)
    for _ in range(3):
        trial.refresh()
    assert trial.current is None
    assert (read, events(caplog)) == (["version 2"], ["challenger_refused"])


def test_a_registry_that_fails_leaves_the_model_on_trial(trial, folder, monkeypatch, caplog):
    def fail(_alias):
        raise RegistryUnavailable("the registry cannot be read")

    monkeypatch.setattr(folder, "assigned", fail)
    for _ in range(3):
        trial.refresh()
    assert trial.current.version == "1"
    assert events(caplog) == ["challenger_unknown"]


def test_an_ended_trial_leaves_no_model(trial, folder):
    folder.withdraw(CHALLENGER)
    trial.refresh()
    assert trial.current is None


def test_without_an_alias_there_is_no_model_on_trial(folder, caplog):
    trial = on_trial(folder, CHAMPION)
    trial.refresh()
    assert trial.current is None
    assert events(caplog) == []


def test_what_is_found_out_later_ends_the_service_of_a_model(registry):
    refused: list[str] = []

    def claim(model: ServedModel) -> ServedModel:
        if refused:
            raise ContractMismatch(refused[0])
        return model

    service = AliasFollower(registry, CHAMPION, claim, on_refusal="keep", confirm=claim)
    service.refresh()
    service.refresh()
    assert service.current is not None
    refused.append("the store is another contract's")
    service.refresh()
    with pytest.raises(ModelNotReady, match="another contract's"):
        service.require()
    refused.clear()
    service.refresh()
    assert service.require().version == "1"
