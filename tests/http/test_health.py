import pytest

from fraud_detection_api.errors import CorruptBundle
from support.builders import OVERDRAWN, credit_files, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import ADMIN_KEY, API_KEYS, SCORE_KEY, assert_problem, bearer, flipped


@pytest.mark.parametrize("path", ["/ping", "/livez"])
def test_a_live_process_says_ok(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_head_of_readiness_without_a_champion_is_503(client_for):
    assert client_for(InMemoryRegistry()).head("/readyz").status_code == 503


def test_readiness_names_the_version_that_is_serving(client):
    assert client.get("/readyz").json() == {"status": "ready", "model_version": "1"}


@pytest.mark.parametrize("path", ["/ping", "/livez"])
def test_a_process_without_a_model_is_alive(client_for, path):
    assert client_for(InMemoryRegistry()).get(path).status_code == 200


def test_without_a_champion_readiness_says_how_to_get_one(client_for):
    problem = assert_problem(client_for(InMemoryRegistry()).get("/readyz"), 503, "model_not_ready")
    assert "fraud train" in problem["detail"]


def test_readiness_names_the_damaged_file_of_the_champion(client_for):
    registry = registry_with_champion(flipped(credit_files()))
    problem = assert_problem(client_for(registry).get("/readyz"), 503, "model_not_ready")
    assert "booster.ubj is not the file that was registered" in problem["detail"]


def test_a_champion_of_another_contract_than_the_configured_one_is_not_served(client_for):
    client = client_for(registry_with_champion(every_dtype_files()), contract="credit")
    problem = assert_problem(client.get("/readyz"), 503, "model_not_ready")
    assert "FRAUD_CONTRACT" in problem["detail"]


def test_a_damaged_champion_alias_is_told_by_readiness(client_for):
    class DamagedAliases(InMemoryRegistry):
        def assigned(self, alias):
            raise CorruptBundle(f"alias {alias}", "its file is damaged")

    problem = assert_problem(client_for(DamagedAliases()).get("/readyz"), 503, "model_not_ready")
    assert "alias champion" in problem["detail"]


@pytest.mark.parametrize("path", ["/ping", "/livez", "/readyz", "/docs", "/openapi.json"])
def test_health_and_documentation_ask_for_no_key(client_for, path):
    assert client_for(api_keys=API_KEYS).get(path).status_code == 200


def test_where_there_are_keys_the_reason_is_for_monitors_alone(client_for):
    keys = f"{API_KEYS},monitor:monitor-key-of-the-tests"
    client = client_for(registry_with_champion(flipped(credit_files())), api_keys=keys)
    for headers in ({}, bearer(SCORE_KEY), bearer("unknown-key-of-the-tests")):
        problem = assert_problem(client.get("/readyz", headers=headers), 503, "model_not_ready")
        assert "booster.ubj" not in problem["detail"]
    for key in ("monitor-key-of-the-tests", ADMIN_KEY):
        problem = assert_problem(client.get("/readyz", headers=bearer(key)), 503, "model_not_ready")
        assert "booster.ubj" in problem["detail"]


def test_without_keys_a_failing_store_is_told_with_its_path_and_with_keys_without(client_for):
    store = "sqlite:////no/such/folder/decisions.db"
    assert "/no/such/folder" in client_for(store=store).get("/readyz").json()["detail"]
    assert "/no/such/folder" not in client_for(store=store, api_keys=API_KEYS).get("/readyz").text


def test_a_server_that_was_told_to_end_is_not_ready_and_closes_connections_but_goes_on_answering(client):
    assert "connection" not in client.post("/fraud_detection", json=[OVERDRAWN]).headers
    client.app.state.container.drain.begin()
    problem = assert_problem(client.get("/readyz"), 503, "draining")
    assert "send requests to another one" in problem["detail"]
    for answer in (
        client.post("/fraud_detection", json=[OVERDRAWN]),
        client.post("/v1/decisions", json={"records": [OVERDRAWN]}),
        client.get("/livez"),
        client.get("/v1/models"),
    ):
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
