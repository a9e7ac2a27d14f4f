"""The registry on a real MLflow server, where people also work: they move aliases and delete versions; processes die."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.errors import CorruptBundle, NoChampion, RegistryUnavailable, UnknownModel
from fraud_detection_api.model.bundle import read_manifest
from support.builders import assign_each, credit_files
from support.servers import clean_environment

FILES = {"booster.ubj": b"\x00\xff trees", "card.json": b"{}"}
HISTORY_TAG = "fraud_detection_api.history.champion"

# registers a bundle, and kills its own process when a function is called for the nth time
KILLED = """
import os, signal, sys
from fraud_detection_api.container.registry import build_registry

registry = build_registry(sys.argv[1])
import mlflow.store.artifact.http_artifact_repo as uploads
from mlflow.tracking import MlflowClient

holder, name = {"upload": (uploads, "http_request"), "version": (MlflowClient, "create_model_version")}[sys.argv[2]]
function, calls = getattr(holder, name), []
def killed(*given, **named):
    calls.append(name)
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*given, **named)
setattr(holder, name, killed)
registry.register({name: b"x" * 1000 for name in "abc"})
"""


@pytest.fixture
def registry(location):
    return build_registry(location)


def register(registry, count: int) -> None:
    for _ in range(count):
        registry.register(FILES)


def test_a_version_is_a_finished_run_that_bears_the_digest(registry, person, name):
    version = person.get_model_version(name, registry.register(credit_files()))
    run = person.get_run(version.run_id)
    digest = read_manifest(credit_files(), source="test")["digest"]
    assert run.info.status == "FINISHED"
    assert run.data.tags["fraud_detection_api.digest"] == version.tags["fraud_detection_api.digest"] == digest
    listed = {artifact.path for artifact in person.list_artifacts(run.info.run_id, "bundle")}
    assert listed == {f"bundle/{file}" for file in credit_files()}


@pytest.mark.parametrize(
    ("step", "nth"),
    [
        pytest.param("upload", "1", marks=pytest.mark.slow),
        pytest.param("upload", "3", marks=pytest.mark.slow),
        ("version", "1"),
    ],
)
def test_a_killed_registration_leaves_no_version(registry, location, step, nth):
    command = [sys.executable, "-c", KILLED, location, step, nth]
    killed = subprocess.run(command, env=clean_environment(), capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert registry.versions() == []
    assert registry.register(FILES) == "1"


def test_registrations_at_once_get_a_version_each(registry):
    with ThreadPoolExecutor(2) as pool:
        versions = list(pool.map(lambda _: registry.register(FILES), range(4)))
    assert sorted(versions) == registry.versions() == ["1", "2", "3", "4"]


def test_an_alias_that_a_person_moves_is_followed(registry, person, name):
    register(registry, 2)
    assign_each(registry, "1")
    person.set_registered_model_alias(name, "champion", "2")
    assert registry.assigned("champion") == "2"


def test_what_a_person_promoted_is_rolled_back(registry, person, name):
    register(registry, 2)
    assign_each(registry, "1")
    person.set_registered_model_alias(name, "champion", "2")
    assert registry.previous("champion") == "1"
    assert registry.restore_previous("champion") == "1"
    assert registry.assigned("champion") == "1"
    with pytest.raises(NoChampion):
        registry.previous("champion")


def test_what_a_person_promoted_stands_in_the_history_of_what_comes_after(registry, person, name):
    register(registry, 3)
    assign_each(registry, "1")
    person.set_registered_model_alias(name, "champion", "2")
    assign_each(registry, "3")
    assert [registry.restore_previous("champion") for _ in range(2)] == ["2", "1"]


def test_a_person_who_goes_back_can_be_undone(registry, person, name):
    register(registry, 2)
    assign_each(registry, "1", "2")
    person.set_registered_model_alias(name, "champion", "1")
    assert registry.restore_previous("champion") == "2"


def test_an_alias_that_a_person_deleted_is_restored(registry, person, name):
    register(registry, 2)
    assign_each(registry, "1", "2")
    person.delete_registered_model_alias(name, "champion")
    assert registry.assigned("champion") is None
    assert registry.restore_previous("champion") == "2"
    assert registry.previous("champion") == "1"


def test_a_first_champion_that_a_person_chose_has_none_before_it(registry, person, name):
    register(registry, 1)
    person.set_registered_model_alias(name, "champion", "1")
    assert registry.assigned("champion") == "1"
    with pytest.raises(NoChampion):
        registry.restore_previous("champion")


def test_a_deleted_version_is_passed_over(registry, person, name):
    register(registry, 3)
    assign_each(registry, "1", "2", "3")
    person.delete_model_version(name, "2")
    assert registry.versions() == ["1", "3"]
    with pytest.raises(UnknownModel):
        registry.fetch("2")
    assert registry.restore_previous("champion") == "1"


def test_the_number_of_a_deleted_version_is_not_given_again(registry, person, name):
    register(registry, 2)
    person.delete_model_version(name, "2")
    assert registry.register(FILES) == "3"


def test_a_damaged_history_counts_as_none(registry, person, name):
    register(registry, 2)
    for text in ("", "no JSON", "{}", "null", "[1, null]", "[" * 9000):
        assign_each(registry, "1", "2")
        person.set_registered_model_tag(name, HISTORY_TAG, text)
        assert registry.assigned("champion") == "2"
        with pytest.raises(NoChampion):
            registry.previous("champion")
    assign_each(registry, "1")
    assert registry.previous("champion") == "2"


def test_a_promotion_that_was_cut_off_before_its_history_counts(registry, person, name):
    register(registry, 3)
    assign_each(registry, "1", "2")
    person.set_registered_model_alias(name, "champion", "3")  # the first half of `assign`
    assert registry.previous("champion") == "2"


def test_a_promotion_that_was_cut_off_before_its_alias_is_reported_by_the_audit_trail(registry, location, monkeypatch):
    register(registry, 2)
    assign_each(registry, "1")

    class KilledError(BaseException):
        """Stands for the kill: nothing catches it."""

    def killed(*_given):
        raise KilledError

    monkeypatch.setattr(registry._client, "set_registered_model_alias", killed)
    with pytest.raises(KilledError):
        assign_each(registry, "2")
    afterwards = build_registry(location)
    assert afterwards.assigned("champion") == "1"
    assert [(change.after, change.took_effect) for change in afterwards.audit()] == [("1", True), ("2", False)]
    assign_each(afterwards, "2")
    assert [change.took_effect for change in afterwards.audit()] == [True, False, True]


def test_what_a_person_moved_shows_where_the_next_change_began(registry, person, name):
    register(registry, 3)
    assign_each(registry, "1")
    person.set_registered_model_alias(name, "champion", "2")
    assign_each(registry, "3")
    assert [(change.before, change.after, change.took_effect) for change in registry.audit()] == [
        (None, "1", True),
        ("2", "3", True),
    ]


def test_changes_stay_in_their_order_while_the_clock_jumps(registry, person, name):
    register(registry, 3)
    person.set_registered_model_tag(name, "fraud_detection_api.change.by hand", "")
    for version, seconds in (("1", 2_000_000_000.0), ("2", 1_000_000_000.0), ("3", 2_000_000_000.0)):
        registry._wall_clock = lambda seconds=seconds: seconds
        registry.assign("champion", version)
    assert [change.after for change in registry.audit()] == ["1", "2", "3"]
    assert [change.at // 10**12 for change in registry.audit()] == [2, 1, 2]


def test_tags_that_a_person_spoilt_are_passed_over(registry, person, name):
    register(registry, 1)
    assign_each(registry, "1")
    for number, text in enumerate(["", "no JSON", "{}", "null", '{"at": 7}', "[" * 9000]):
        person.set_registered_model_tag(name, f"fraud_detection_api.change.{number:015}-x", text)
    assert [change.after for change in registry.audit()] == ["1"]


def test_a_rollback_that_was_cut_off_before_its_alias_did_not_happen(registry, person, name):
    register(registry, 3)
    assign_each(registry, "1", "2", "3")
    person.set_registered_model_tag(name, HISTORY_TAG, '["1", "2"]')  # the first half of `restore_previous`
    assert registry.assigned("champion") == "3"
    assert registry.previous("champion") == "2"


def test_a_model_of_another_kind_is_not_a_bundle(registry, person, name, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "python_model.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}")
    run = person.create_run(person.create_experiment(name))
    person.log_artifacts(run.info.run_id, str(tmp_path))
    person.create_registered_model(name)
    person.create_model_version(name, run.info.artifact_uri, run.info.run_id, await_creation_for=0)
    with pytest.raises(CorruptBundle, match="are not a bundle's files"):
        registry.fetch("1")


def test_a_version_whose_artifacts_are_gone_is_no_bundle(registry, person, name):
    run = person.create_run(person.create_experiment(name))
    person.create_registered_model(name)
    person.create_model_version(name, run.info.artifact_uri, run.info.run_id, await_creation_for=0)
    with pytest.raises(CorruptBundle):
        registry.fetch("1")


def test_a_deleted_experiment_is_reported(registry, person, name):
    person.delete_experiment(person.create_experiment(name))
    with pytest.raises(RegistryUnavailable, match=rf"the experiment {name} is deleted in MLflow; restore it"):
        registry.register(FILES)
