"""Which models there are; none becomes champion before its bundle was verified."""

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.errors import CorruptBundle, NoChallenger, UnknownModel
from fraud_detection_api.schemas.models import model_summary
from fraud_detection_api.services.models.registered import ModelService
from support.builders import credit_files
from support.fakes import InMemoryRegistry
from support.forgery import resealed


def damaged(files=None) -> dict[str, bytes]:
    files = files or credit_files()
    return {**files, "booster.ubj": files["booster.ubj"][:-1]}


@pytest.fixture
def service(registry) -> ModelService:
    """Version 1 is champion."""
    return ModelService(registry)


def test_an_empty_registry_lists_nothing():
    assert ModelService(InMemoryRegistry()).describe_all() == []


def test_versions_are_listed_newest_first(service, registry):
    registry.register(credit_files())
    assert [description.version for description in service.describe_all()] == ["2", "1"]


def test_a_description_has_the_card_and_the_aliases(service, registry):
    registry.assign("challenger", "1")
    description = service.describe("1")
    assert description.aliases == ("champion", "challenger")
    assert description.problem is None
    assert description.created_at == "2026-11-22T10:00:00Z"
    assert description.digest.startswith("sha256:")
    assert description.card["contract"]["name"] == "credit"


def test_a_damaged_version_is_listed_with_its_problem(service, registry):
    registry.register(damaged())
    description = service.describe_all()[0]
    assert "booster.ubj is not the file that was registered" in description.problem
    assert (description.digest, description.created_at, description.card) == ("", "", {})


def test_bad_versions_hide_no_other(service, registry):
    deep = b"[" * 100_000
    for files in (
        {**credit_files(), "manifest.json": deep},
        resealed(credit_files(), card_json=deep),
        resealed(credit_files(), card_json=b'{"evaluation": {"metrics": 5}}'),
        {},
    ):
        registry.register(files)
    described = [model_summary(description) for description in service.describe_all()]
    assert [(one.version, one.status) for one in described] == [*((n, "damaged") for n in "5432"), ("1", "ok")]


def test_an_unknown_version_is_not_described(service):
    with pytest.raises(UnknownModel):
        service.describe("7")


def test_a_bundle_is_found_by_alias_and_by_version(service):
    served = service.load("champion")
    assert served.version == "1"
    assert service.load("1").bundle.digest == served.bundle.digest


def test_a_bundle_is_verified_each_time_it_is_read(service, registry):
    version = registry.register(damaged())
    with pytest.raises(CorruptBundle, match=f"version {version}"):
        service.load(version)


def test_later_damage_shows_in_the_list(tmp_path):
    registry = FileRegistry(tmp_path)
    version = registry.register(credit_files())
    service = ModelService(registry)
    assert service.describe(version).problem is None
    card = tmp_path / "versions" / version / "card.json"
    card.unlink()
    card.write_bytes(b"{}")
    assert "card.json is not the file" in service.describe(version).problem


def test_a_card_that_is_no_object_is_damage():
    registry = InMemoryRegistry()
    version = registry.register(resealed(credit_files(), card_json=b"[]"))
    assert "card.json is broken" in ModelService(registry).describe(version).problem


def test_a_version_stands_for_itself(service):
    assert service.resolve("12") == "12"


def test_an_unassigned_alias_is_reported_with_its_fix(service):
    with pytest.raises(NoChallenger, match="there is no challenger; run `fraud models challenge VERSION`"):
        service.resolve("challenger")
