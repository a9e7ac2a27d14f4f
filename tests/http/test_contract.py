import pytest
from jsonschema import Draft202012Validator

from support.builders import OVERDRAWN, every_dtype_files, record, registry_with_champion
from support.fakes import InMemoryRegistry
from support.http import assert_problem


@pytest.fixture
def schema(client):
    return client.get("/v1/contract").json()


def test_the_contract_is_a_valid_json_schema(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_the_given_record_follows_the_published_contract(schema):
    Draft202012Validator(schema).validate(OVERDRAWN)


@pytest.mark.parametrize(
    "bad",
    [record(surplus=1), record(number_of_open_accounts=-1), record(total_balance="200000"), {"customer_id": 1}],
    ids=["unknown field", "below the minimum", "string for a number", "missing fields"],
)
def test_the_published_contract_refuses_what_the_server_refuses(client, schema, bad):
    assert not Draft202012Validator(schema).is_valid(bad)
    assert_problem(client.post("/fraud_detection", json=[bad]), 422, "invalid_records")


def test_the_contract_tells_what_a_schema_cannot(client, schema):
    assert schema["x-contract"] == "credit"
    assert schema["x-target"] == "is_fraud"
    assert schema["$id"].endswith(schema["x-fingerprint"])
    assert schema["properties"]["total_balance"]["x-unit"] == "currency"
    assert schema["x-derived"]["credit_utilisation"]["formula"] == "total_balance / max(total_credit_limit, 1)"
    assert schema["x-rules"]["arrears_within_open_accounts"]["field"] == "number_of_accounts_in_arrears"


def test_a_contract_of_every_dtype_is_a_valid_json_schema(client_for):
    schema = client_for(registry_with_champion(every_dtype_files())).get("/v1/contract").json()
    Draft202012Validator.check_schema(schema)
    dtypes = {name: about["x-dtype"] for name, about in schema["properties"].items() if "x-dtype" in about}
    assert dtypes == {
        "amount_eur": "float",
        "instalments": "int",
        "is_employed": "bool",
        "channel": "category",
        "opened_at": "datetime",
    }


def test_without_a_model_there_is_no_contract_to_show(client_for):
    assert_problem(client_for(InMemoryRegistry()).get("/v1/contract"), 503, "model_not_ready")
