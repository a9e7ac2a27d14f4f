"""A level that the model does not know is said, counted, stored, and reviewed where it matters."""

import json

import pytest

from support.builders import levels_files, registry_with_champion
from support.http import assert_problem
from support.scraped import scraped

SEEN = [{"payment": f"P-{n}", "amount": 10.0 + n, "channel": "WEB", "colour": "red"} for n in range(100)]
"""All are reviewed: fraud is frequent in this channel, and about one in a hundred elsewhere."""

IN_LOWER_CASE = [{**record, "channel": "web"} for record in SEEN]


def decided(client, records):
    answer = client.post("/v1/decisions", json={"records": records})
    assert answer.status_code == 200
    return answer.json()["decisions"]


@pytest.mark.parametrize("records", [1, 100], ids=["one", "many"])
def test_a_column_that_is_sent_in_lower_case_is_reviewed_and_not_approved(client_for, records):
    client = client_for(registry_with_champion(levels_files()))
    seen, lower = decided(client, SEEN[:records]), decided(client, IN_LOWER_CASE[:records])
    assert {decision["outcome"] for decision in [*seen, *lower]} == {"review"}
    assert [decision.get("warnings") for decision in seen] == [None] * records
    warning = {"code": "unseen_level", "field": "channel", "requires_review": True}
    assert [decision["warnings"] for decision in lower] == [[warning]] * records
    assert max(decision["fraud_probability"] for decision in lower) < 0.05, "approved, but for the warning"


def test_under_a_contract_that_only_flags_them_they_are_approved_with_a_warning(client_for):
    client = client_for(registry_with_champion(levels_files('"flag"')))
    lower = decided(client, IN_LOWER_CASE)
    assert {decision["outcome"] for decision in lower} == {"approve"}
    assert {warning["requires_review"] for decision in lower for warning in decision["warnings"]} == {False}


def test_folded_levels_are_the_same_in_either_case(client_for):
    client = client_for(registry_with_champion(levels_files("true", "fold_case")))
    seen, lower = decided(client, SEEN), decided(client, IN_LOWER_CASE)
    assert [each["fraud_probability"] for each in seen] == [each["fraud_probability"] for each in lower]
    assert not any("warnings" in decision for decision in [*seen, *lower])


@pytest.mark.parametrize("path", ["/v1/decisions", "/fraud_detection"])
def test_a_contract_may_refuse_what_the_model_did_not_learn(client_for, path):
    client = client_for(registry_with_champion(levels_files('"refuse"')))
    records = [SEEN[0], IN_LOWER_CASE[1]]
    answer = client.post(path, json=records if path == "/fraud_detection" else {"records": records})
    (error,) = assert_problem(answer, 422, "invalid_records")["errors"]
    assert error["pointer"].endswith("/1/channel")
    assert error["detail"] == "must be one of 'PHONE', 'SHOP', 'WEB'"
    assert '"web"' not in answer.text


def test_openapi_lists_the_levels_of_a_contract_that_refuses_others(client_for):
    keys = '["WEB", "SHOP", "PHONE"]\nunseen = "refuse"'
    client = client_for(registry_with_champion(levels_files(keys, "levels")))
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["Record"]["properties"]["channel"]["anyOf"][0]["enum"] == ["WEB", "SHOP", "PHONE"]
    assert "warnings" not in schemas["DecisionBody"]["required"]


def test_unseen_levels_of_both_routes_are_counted_by_field(client_for):
    client = client_for(registry_with_champion(levels_files()))
    assert scraped(client).value("fraud_unseen_levels_total", field="channel") == 0
    decided(client, IN_LOWER_CASE)
    client.post("/fraud_detection", json=[*IN_LOWER_CASE[:3], *SEEN])
    shown = scraped(client)
    assert shown.value("fraud_unseen_levels_total", field="channel") == 103
    assert shown.value("fraud_unseen_levels_total", field="colour") == 0


def test_a_warning_is_stored_sealed_and_shown(kept):
    client = kept.client(registry_with_champion(levels_files()))
    (_, lower) = decided(client, [SEEN[0], IN_LOWER_CASE[0]])
    assert [row.warnings and json.loads(row.warnings) for row in kept.rows()] == [None, lower["warnings"]]
    shown = client.get(f"/v1/decisions/{lower['decision_id']}").json()
    assert (shown["warnings"], shown["is_intact"]) == (lower["warnings"], True)
    listed = client.get("/v1/decisions").json()["decisions"]
    assert sorted("warnings" in decision for decision in listed) == [False, True]
    found = client.get("/v1/decisions?warning=unseen_level").json()["decisions"]
    assert [decision["decision_id"] for decision in found] == [lower["decision_id"]]
    replayed = client.post(f"/v1/decisions/{lower['decision_id']}/replay").json()
    assert replayed["status"] == "equal"
