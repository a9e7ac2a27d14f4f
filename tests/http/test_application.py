"""How an application is put together: settings that are passed, errors that are mapped, a lifespan that ends."""

import pytest
from starlette.testclient import TestClient

from fraud_detection_api import errors
from fraud_detection_api.container.process import build_container
from fraud_detection_api.errors import FraudError, InvalidSetting
from fraud_detection_api.main import STATUS_OF, app_from_environment, create_app
from fraud_detection_api.routes.protocol.problems import problem_code
from fraud_detection_api.settings import Settings
from support.builders import OVERDRAWN, credit_files
from support.fakes import InMemoryRegistry
from support.http import API_KEYS, assert_problem, flipped
from support.polling import eventually

# raised while a process starts or by the command line; no request meets them
NEVER_ANSWERED = {errors.InvalidSetting, errors.InvalidContract, errors.InvalidDataset, errors.InvalidPolicy} | {
    errors.FilesUnavailable,
    errors.MissingExtra,
    errors.BackupFailed,
    errors.NothingToExport,
    errors.TracesNotDelivered,
    errors.NotLogged,
    errors.InvalidEvidence,
}


def served_by(client) -> str:
    return client.get("/readyz").json()["model_version"]


def test_every_error_that_a_request_can_meet_has_a_status():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FraudError)]
    declared = {kind for kind in kinds if not kind.__subclasses__()}
    assert set(STATUS_OF) == (declared | {errors.StoreUnavailable}) - NEVER_ANSWERED


def test_codes_are_the_errors_names_in_snake_case_and_unique():
    codes = [problem_code(kind) for kind in STATUS_OF]
    assert problem_code(errors.BodyTooLarge) == "body_too_large"
    assert len(set(codes)) == len(codes)


def test_settings_are_those_passed_and_not_those_of_the_environment(client_for, monkeypatch):
    monkeypatch.setenv("FRAUD_MAX_RECORDS", "1")
    monkeypatch.setenv("FRAUD_API_KEYS", API_KEYS)
    assert client_for().post("/fraud_detection", json=[OVERDRAWN] * 2).status_code == 200


def test_a_server_process_takes_its_settings_from_the_environment(monkeypatch, tmp_path):
    configured = []
    monkeypatch.setattr("fraud_detection_api.main.configure_logging", lambda *given: configured.append(given))
    monkeypatch.setenv("FRAUD_REGISTRY", str(tmp_path))
    monkeypatch.setenv("FRAUD_MAX_BODY_BYTES", "3")
    monkeypatch.setenv("FRAUD_LOG_LEVEL", "warning")
    with TestClient(app_from_environment(), base_url="http://localhost") as client:
        answer = client.post("/fraud_detection", content=b"[ ] ", headers={"Content-Type": "application/json"})
    assert_problem(answer, 503, "model_not_ready")
    assert configured == [("warning", "auto")]


def test_an_unknown_variable_stops_the_start(monkeypatch):
    monkeypatch.setenv("FRAUD_MAX_RECORD", "1")
    with pytest.raises(InvalidSetting, match="FRAUD_MAX_RECORD: no such setting; did you mean FRAUD_MAX_RECORDS"):
        app_from_environment()


def test_an_address_that_others_reach_needs_keys():
    with pytest.raises(InvalidSetting, match="FRAUD_HOST"):
        create_app(Settings(host="0.0.0.0"))


@pytest.mark.parametrize("safe", [{"api_keys": API_KEYS}, {"allow_anonymous": True}], ids=["keys", "on purpose"])
def test_such_an_address_is_fine_with_keys_or_on_purpose(safe):
    assert create_app(Settings(host="0.0.0.0", **safe))


def test_building_an_application_opens_nothing():
    class Untouchable(InMemoryRegistry):
        def assigned(self, alias):
            raise AssertionError("the registry was read before the lifespan began")

    assert create_app(Settings(), container=build_container(Settings(), registry=Untouchable()))


def test_start_load_and_stop_are_logged(registry, events):
    with TestClient(create_app(Settings(), container=build_container(Settings(), registry=registry))):
        assert not events("stopped")
    assert [event["version"] for event in events("model_loaded")] == ["1"]
    assert events("started")
    assert events("stopped")


def test_a_newly_promoted_model_is_picked_up_without_a_request(client_for, registry):
    registry.register(credit_files())
    client = client_for(registry, reload_seconds=0.01)
    registry.assign("champion", "2")
    eventually(lambda: served_by(client) == "2", "version 2 serves")


def test_a_watcher_survives_an_error_that_nobody_expected(client_for, events):
    class Moody(InMemoryRegistry):
        fails = False

        def assigned(self, alias):
            if self.fails:
                raise RuntimeError("moody")
            return super().assigned(alias)

    registry = Moody()
    registry.assign("champion", registry.register(credit_files()))
    registry.register(credit_files())
    client = client_for(registry, reload_seconds=0.01)
    registry.fails = True
    eventually(lambda: events("model_refresh_failed"), "the failure is logged")
    assert served_by(client) == "1"
    registry.fails = False
    registry.assign("champion", "2")
    eventually(lambda: served_by(client) == "2", "version 2 serves")


def test_a_champion_that_turns_out_damaged_never_replaces_a_good_one(client_for, registry, events):
    registry.register(flipped(credit_files()))
    client = client_for(registry, reload_seconds=0.01)
    registry.assign("champion", "2")
    eventually(lambda: events("model_refused"), "the refusal is logged")
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200
    assert served_by(client) == "1"


def test_a_refusal_is_logged_once_and_not_at_every_look(client_for, events):
    client = client_for(InMemoryRegistry())
    for _ in range(3):
        client.app.state.container.deployment.champion.refresh()
    assert len(events("model_refused")) == 1
