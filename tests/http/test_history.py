"""What was decided can be looked up, and replayed."""

import json
import sqlite3
from functools import partial

import pytest

from fraud_detection_api.container.storage import build_upkeep
from fraud_detection_api.services.deciding.recording import Recorder
from fraud_detection_api.services.history import lookup
from support.builders import every_dtype_files, record, registry_with_champion
from support.http import API_KEYS, JSON, SCORE_KEY, assert_problem, bearer

ANALYST_KEY = "analyst-key-of-the-tests"
PAYMENT = {
    "application": "A-7",
    "applied_at": "2026-11-22T10:00:00.5+01:00",
    "amount_eur": 1500.25,
    "instalments": 12,
    "is_employed": None,
    "channel": " web ",
    "opened_at": "2021-03-04",
}


@pytest.fixture
def store_file(tmp_path):
    return tmp_path / "decisions.db"


@pytest.fixture
def client(client_for, store_file):
    return client_for(store=f"sqlite:///{store_file}")


def decide(client, *records, **asked):
    answer = client.post("/v1/decisions", json={"records": list(records), **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()["decisions"]


def listed(client, **filters):
    answer = client.get("/v1/decisions", params=filters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_decision_is_told_as_it_was_answered(client):
    (answered,) = decide(client, record(), explain=True)
    told = client.get(f"/v1/decisions/{answered['decision_id']}").json()
    identifier = answered.pop("customer_id")
    assert {name: told[name] for name in answered} == answered
    assert told["entity_id"] == identifier
    assert told["reasons"]


def test_what_was_kept_with_it_is_told(client):
    headers = {"X-Request-ID": "seen-before", "Idempotency-Key": "k-1"}
    body = {"records": [record(), record(total_balance=5)]}
    first, second = client.post("/v1/decisions", json=body, headers=headers).json()["decisions"]
    told = client.get(f"/v1/decisions/{second['decision_id']}").json()
    assert told["record"] == record(total_balance=5)
    assert (told["request_id"], told["place"], told["idempotency_key"]) == ("seen-before", 1, "k-1")
    assert told["latency_ms"] > 0
    assert told["contract"].startswith("sha256:")
    assert told["is_intact"] is True
    assert told["reasons"] is None
    assert isinstance(told["margin"], float)
    assert told["fraud_probability"] < first["fraud_probability"]


def test_every_dtype_of_a_record_is_told(client_for, store_file):
    client = client_for(registry_with_champion(every_dtype_files()), store=f"sqlite:///{store_file}")
    (answered,) = decide(client, PAYMENT)
    told = client.get(f"/v1/decisions/{answered['decision_id']}").json()
    assert told["entity_id"] == "A-7"
    assert told["record"] == {
        **PAYMENT,
        "applied_at": "2026-11-22T09:00:00.500000Z",
        "channel": "web",
        "opened_at": "2021-03-04T00:00:00Z",
    }


@pytest.mark.usefixtures("time_to_commit")
def test_a_fallback_names_no_model(client_for, store_file):
    client = client_for(store=f"sqlite:///{store_file}", deadline_ms=0.0001)
    (answered,) = decide(client, record())
    assert answered["decision_source"] == "fallback"
    told = client.get(f"/v1/decisions/{answered['decision_id']}").json()
    names = ("model", "policy_version", "fraud_probability", "risk_score", "decision_source", "outcome")
    assert {name: told[name] for name in names} == {name: answered[name] for name in names}
    assert told["margin"] is None


def test_a_row_that_was_changed_says_so(client, store_file):
    (answered,) = decide(client, record())
    change(store_file, "UPDATE decisions SET outcome = 'approve'")
    assert client.get(f"/v1/decisions/{answered['decision_id']}").json()["is_intact"] is False
    assert listed(client)["decisions"][0]["is_intact"] is False


def test_an_erased_record_is_gone_and_the_rest_is_sealed_anew(client):
    (answered,) = decide(client, record())
    build_upkeep(client.app.state.container.settings).erase(str(answered["customer_id"]))
    told = client.get(f"/v1/decisions/{answered['decision_id']}").json()
    assert (told["record"], told["entity_id"], told["is_intact"]) == (None, None, True)
    assert client.post(f"/v1/decisions/{answered['decision_id']}/replay").json()["status"] == "erased"


def test_numbers_come_back_as_they_were_answered(client):
    """Equal values are not enough: 500 and 500.0 are two texts, and two types in some languages."""
    sent = {"records": [record(number_of_open_accounts=500, total_balance=700)], "explain": True}
    answered = client.post("/v1/decisions", json=sent)
    decision = json.loads(answered.content, parse_float=str, parse_int=str)["decisions"][0]
    values = [reason["value"] for reason in decision["reasons"]]
    assert any(value.isdigit() for value in values), "an integer is among them"
    one = client.get(f"/v1/decisions/{decision['decision_id']}").content
    page = client.get("/v1/decisions").content
    read = partial(json.loads, parse_float=str, parse_int=str)
    for told in (read(one), read(page)["decisions"][0]):
        assert {name: told[name] for name in decision if name != "customer_id"} == {
            name: value for name, value in decision.items() if name != "customer_id"
        }
        assert told["record"]["number_of_open_accounts"] == "500"


def test_an_id_may_be_written_in_upper_case(client):
    (answered,) = decide(client, record())
    identifier, written = answered["decision_id"], answered["decision_id"].upper()
    assert client.get(f"/v1/decisions/{written}").json()["decision_id"] == identifier
    assert client.post(f"/v1/decisions/{written}/replay").json()["decision_id"] == identifier
    label = {"decision_id": written, "is_fraud": True, "source": "chargeback"}
    assert client.post("/v1/labels", json={"labels": [label]}).json()["recorded"] == 1
    labels = client.get(f"/v1/decisions/{written}/labels").json()
    assert (labels["decision_id"], len(labels["labels"])) == (identifier, 1)


def test_an_integer_that_was_sent_as_a_float_is_stored_and_answered_as_an_integer(client):
    body = json.dumps({"records": [record(customer_id=7.0, number_of_open_accounts=3.0)], "explain": True})
    answered = client.post("/v1/decisions", content=body, headers=JSON)
    assert '"customer_id":7,' in answered.text
    told = client.get("/v1/decisions").text
    assert '"number_of_open_accounts":3,' in told
    assert '"entity_id":7,' in told
    label = {"entity_id": 7.0, "decided_at": "2999-01-01T00:00:00Z", "is_fraud": True, "source": "chargeback"}
    assert client.post("/v1/labels", json={"labels": [label]}).json()["recorded"] == 1


def test_a_level_is_stored_composed(client_for, store_file):
    client = client_for(registry_with_champion(every_dtype_files()), store=f"sqlite:///{store_file}")
    (answered,) = decide(client, {**PAYMENT, "channel": "Andre\N{COMBINING ACUTE ACCENT}"})
    told = client.get(f"/v1/decisions/{answered['decision_id']}").json()
    assert told["record"]["channel"] == "Andr\N{LATIN SMALL LETTER E WITH ACUTE}"


@pytest.mark.parametrize(
    "name", ["0199", "01a20e44-a91c-7151-9d85-4c0f2082c8e3", "01A20E44-A91C-7151-9D85-4C0F2082C8E3"]
)
def test_an_unknown_id_is_not_found(client, name):
    problem = assert_problem(client.get(f"/v1/decisions/{name}"), 404, "unknown_decision")
    assert name not in problem["detail"]


def test_without_a_store_there_is_nothing_to_find(client_for):
    client = client_for()
    assert_problem(client.get("/v1/decisions"), 404, "no_store")
    assert_problem(client.get("/v1/decisions/0199"), 404, "no_store")


def test_a_store_that_fails_is_unavailable(client, store_file):
    decide(client, record())
    change(store_file, "ALTER TABLE decisions RENAME TO moved")
    assert_problem(client.get("/v1/decisions"), 503, "store_unavailable")


def test_pages_hold_each_decision_once_the_newest_first(client):
    made = [decide(client, record(customer_id=number), record(customer_id=number))[0] for number in range(5)]
    first = listed(client, limit=3)
    decide(client, record())  # what comes meanwhile moves nothing
    second = listed(client, limit=3, cursor=first["next_cursor"])
    rest = listed(client, limit=1000, cursor=second["next_cursor"])
    assert rest["next_cursor"] is None
    pages = [told["decision_id"] for page in (first, second, rest) for told in page["decisions"]]
    assert len(pages) == len(set(pages)) == 10
    assert pages == sorted(pages, reverse=True)
    assert {answered["decision_id"] for answered in made} <= set(pages)


def test_a_full_last_page_has_no_next_one(client):
    decide(client, record(), record())
    assert listed(client, limit=2)["next_cursor"] is None


def test_decisions_are_listed_by_entity_and_outcome(client):
    decide(client, *(record(customer_id=1, total_balance=balance) for balance in (0, 200_000)), record(customer_id=2))
    of_one = listed(client, entity_id=1)["decisions"]
    assert [told["entity_id"] for told in of_one] == [1, 1]
    outcomes = {told["outcome"] for told in of_one}
    assert len(outcomes) == 2
    for outcome in outcomes:
        (told,) = listed(client, entity_id=1, outcome=outcome)["decisions"]
        assert told["outcome"] == outcome
    assert listed(client, entity_id="1.0")["decisions"] == []


def test_an_id_of_digits_may_be_a_text(client_for, store_file):
    client = client_for(registry_with_champion(every_dtype_files()), store=f"sqlite:///{store_file}")
    decide(client, {**PAYMENT, "application": "12"}, {**PAYMENT, "application": "12."})
    assert [told["entity_id"] for told in listed(client, entity_id="12")["decisions"]] == ["12"]


def test_an_entity_is_found_by_its_id_and_by_its_pseudonym(client_for, store_file):
    key = "a-key-of-pseudonyms"
    decide(client_for(store=f"sqlite:///{store_file}"), record(customer_id=7))
    client = client_for(store=f"sqlite:///{store_file}", pseudonym_key=key)
    decide(client, record(customer_id=7), record(customer_id=8))
    pseudonym = Recorder(pseudonym_key=key.encode()).entity(7)
    by_id = listed(client, entity_id=7)["decisions"]
    assert [told["entity_id"] for told in by_id] == [pseudonym, 7], "kept before there was a key, and since"
    assert "customer_id" not in by_id[0]["record"]
    assert [told["entity_id"] for told in listed(client, entity_id=pseudonym)["decisions"]] == [pseudonym]


def test_times_bound_the_list(client):
    (answered,) = decide(client, record())
    moment = answered["decided_at"]
    assert len(listed(client, since=moment)["decisions"]) == 1
    assert listed(client, until=moment)["decisions"] == []
    assert listed(client, since="2200-01-01T00:00:00+02:00")["decisions"] == []
    assert listed(client, until="1960-01-01T00:00:00Z")["decisions"] == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("since", "2026-11-23T10:00:00", "with its offset"),
        ("until", "yesterday", "with its offset"),
        ("since", "1795341600", "with its offset"),
        ("outcome", "maybe", "must be 'approve'"),
        ("limit", "0", "must be at least 1"),
        ("limit", "1001", "must be at most 1000"),
        ("limit", "many", "must be an integer"),
        ("entity_id", "", "is empty"),
        ("customer_id", "7", "is not a parameter"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named_and_not_repeated(client, name, value, says):
    problem = assert_problem(client.get("/v1/decisions", params={name: value}), 422, "invalid_request")
    (error,) = problem["errors"]
    assert error["pointer"] == f"/{name}"
    assert says in error["detail"]
    assert value not in error["detail"] or len(value) < 2


@pytest.mark.parametrize("changed", [{"outcome": "approve"}, {"entity_id": "1"}, {"since": "2020-01-01T00:00:00Z"}])
def test_a_cursor_goes_with_its_filters(client, changed):
    decide(client, record(), record())
    cursor = listed(client, limit=1)["next_cursor"]
    assert_problem(client.get("/v1/decisions", params={"cursor": cursor, **changed}), 422, "invalid_cursor")


@pytest.mark.parametrize("cursor", ["x", "!" * 32, "A" * 32, "é"])
def test_a_made_up_cursor_is_refused(client, cursor):
    assert_problem(client.get("/v1/decisions", params={"cursor": cursor}), 422, "invalid_cursor")


def test_a_decision_is_replayed(client):
    (answered,) = decide(client, record(), explain=True)
    told = client.post(f"/v1/decisions/{answered['decision_id']}/replay").json()
    assert told == {
        "decision_id": answered["decision_id"],
        "status": "equal",
        "is_sound": True,
        "differences": [],
        "fault": None,
    }


def test_a_replay_shows_what_differs(client, store_file):
    (answered,) = decide(client, record())
    change(store_file, "UPDATE decisions SET fraud_probability = 0.125")
    told = client.post(f"/v1/decisions/{answered['decision_id']}/replay").json()
    assert (told["status"], told["is_sound"]) == ("tampered", False)
    recomputed = answered["fraud_probability"]
    assert told["differences"] == [{"field": "fraud_probability", "kept": 0.125, "recomputed": recomputed}]


def test_a_replay_of_an_unknown_decision_or_without_a_store_is_not_found(client, client_for):
    assert_problem(client.post("/v1/decisions/0199/replay"), 404, "unknown_decision")
    assert_problem(client_for().post("/v1/decisions/0199/replay"), 404, "no_store")


def test_reading_takes_the_role_of_an_analyst(client_for, store_file):
    client = client_for(store=f"sqlite:///{store_file}", api_keys=f"{API_KEYS},analyst:{ANALYST_KEY}")
    for method, path in (("GET", ""), ("GET", "/0199"), ("POST", "/0199/replay")):
        assert_problem(client.request(method, f"/v1/decisions{path}"), 401, "unauthenticated")
        refused = client.request(method, f"/v1/decisions{path}", headers=bearer(SCORE_KEY))
        assert_problem(refused, 403, "forbidden")
    assert client.get("/v1/decisions", headers=bearer(ANALYST_KEY)).json() == {"decisions": [], "next_cursor": None}


def change(store_file, statement):
    connection = sqlite3.connect(store_file)
    with connection:
        connection.execute(statement)
    connection.close()


def test_the_label_in_force_is_told_and_selects(client):
    first, second = decide(client, record(customer_id=1), record(customer_id=2))
    said = {"decision_id": first["decision_id"], "is_fraud": True, "source": "chargeback"}
    client.post("/v1/labels", json={"labels": [{**said, "effective_at": "2026-01-02T00:00:00Z"}]})
    [fraud] = listed(client, label="fraud")["decisions"]
    label = {"is_fraud": True, "source": "chargeback", "effective_at": "2026-01-02T00:00:00.000Z", "reviewer": None}
    assert (fraud["decision_id"], fraud["label"]) == (first["decision_id"], label)
    assert client.get(f"/v1/decisions/{first['decision_id']}").json()["label"] == label
    [unlabelled] = listed(client, label="unlabelled")["decisions"]
    assert (unlabelled["decision_id"], unlabelled["label"]) == (second["decision_id"], None)
    assert listed(client, label="legitimate")["decisions"] == []


def test_decisions_are_selected_by_model_score_and_reason(client):
    low, high = decide(client, record(total_balance=5), record(), explain=True)
    code = high["reasons"][0]["code"]
    assert low["risk_score"] < high["risk_score"]
    selected = {
        "model": {"model": "1"},
        "score": {"min_risk_score": high["risk_score"], "max_risk_score": 1000},
        "reason": {"reason": code},
        "nothing": {"model": "2"},
    }
    found = {name: [each["decision_id"] for each in listed(client, **by)["decisions"]] for name, by in selected.items()}
    assert found["model"] == [high["decision_id"], low["decision_id"]]
    assert found["score"] == [high["decision_id"]]
    assert found["nothing"] == []
    assert set(found["reason"]) == {
        each["decision_id"] for each in (low, high) if code in [reason["code"] for reason in each["reasons"]]
    }


def test_a_page_says_how_it_goes_on_after_decisions_that_do_not_match(client, monkeypatch):
    monkeypatch.setattr(lookup, "MOST_SCATTERED", 3)
    oldest, *_ = [decide(client, record(customer_id=number))[0] for number in range(5)]
    said = {"decision_id": oldest["decision_id"], "is_fraud": True, "source": "rule"}
    client.post("/v1/labels", json={"labels": [said]})
    where = {"label": "fraud", "outcome": oldest["outcome"]}
    first = listed(client, **where)
    assert (first["decisions"], first["next_cursor"] is None) == ([], False)
    second = listed(client, **where, cursor=first["next_cursor"])
    assert [each["decision_id"] for each in second["decisions"]] == [oldest["decision_id"]]
    assert second["next_cursor"] is None
