"""When a champion of another contract is promoted, validation and documentation follow without a restart."""

import pytest

from support.builders import EVERY_DTYPE, OVERDRAWN, every_dtype_files, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import assert_problem

LOAN = {"application": "A-1", "amount_eur": 900, "instalments": 6, "opened_at": "2021-03-04T05:06:00Z"}


@pytest.fixture
def changed(client_for, registry):
    """A server that began with the credit contract and was then given the every-dtype one."""
    registry.register(every_dtype_files())
    client = client_for(registry)
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200
    assert_problem(client.post("/fraud_detection", json=[LOAN]), 422, "invalid_records")
    assert client.get("/openapi.json").json()["components"]["schemas"]["Record"]["title"] == "credit record"
    how = {"allow_contract_change": True, "force": True, "reason": "callers are ready"}
    answer = client.post("/v1/models/2/promote", json=how)
    assert answer.json() == {"champion": "2"}
    return client


def test_records_are_validated_by_the_new_contract(changed):
    assert changed.post("/fraud_detection", json=[LOAN]).status_code == 200
    assert_problem(changed.post("/fraud_detection", json=[OVERDRAWN]), 422, "invalid_records")


def test_the_openapi_page_shows_the_new_record_and_an_example_that_works(changed):
    api = changed.get("/openapi.json").json()
    assert set(LOAN) <= set(api["components"]["schemas"]["Record"]["properties"])
    body = api["paths"]["/fraud_detection"]["post"]["requestBody"]["content"]["application/json"]
    assert changed.post("/fraud_detection", json=body["example"]).status_code == 200


def test_the_contract_route_shows_the_new_contract(changed):
    assert changed.get("/v1/contract").json()["x-contract"] == "every_dtype"


def test_constraints_of_the_new_contract_hold(changed):
    problem = assert_problem(changed.post("/fraud_detection", json=[{**LOAN, "amount_eur": 5}]), 422, "invalid_records")
    assert [error["pointer"] for error in problem["errors"]] == ["/0/instalments"]


def test_before_any_model_the_openapi_page_shows_the_configured_contract(client_for, tmp_path):
    path = tmp_path / "every_dtype.toml"
    path.write_text(EVERY_DTYPE)
    api = client_for(InMemoryRegistry(), contract=str(path)).get("/openapi.json").json()
    assert api["components"]["schemas"]["Record"]["title"] == "every_dtype record"


def test_a_server_that_is_told_its_contract_keeps_it(client_for, registry):
    registry.register(every_dtype_files())
    client = client_for(registry, contract="credit")
    refused = client.post("/v1/models/2/promote", json={"allow_contract_change": True})
    assert refused.status_code == 409
    assert "FRAUD_CONTRACT" in refused.json()["detail"]
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200
    assert client.get("/readyz").json()["model_version"] == "1"


def test_two_servers_of_different_contracts_live_in_one_process(client_for):
    credit, loans = client_for(), client_for(registry_with_champion(every_dtype_files()))
    assert credit.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200
    assert loans.post("/fraud_detection", json=[LOAN]).status_code == 200


def test_a_store_keeps_to_the_contract_of_the_first_model(client_for, registry, tmp_path):
    store = f"sqlite:///{tmp_path / 'decisions.db'}"
    client = client_for(registry, store=store)
    assert client.post("/fraud_detection", json=[OVERDRAWN]).status_code == 200
    registry.register(every_dtype_files())
    how = {"allow_contract_change": True, "force": True, "reason": "callers are ready"}
    problem = assert_problem(client.post("/v1/models/2/promote", json=how), 409, "contract_mismatch")
    assert all(told in problem["detail"] for told in ("'credit'", "'every_dtype'", "FRAUD_STORE"))
    other = client_for(registry_with_champion(every_dtype_files()), store=store)
    assert_problem(other.post("/fraud_detection", json=[LOAN]), 503, "model_not_ready")
    assert "'credit'" in other.get("/readyz").text
