"""POST /v1/events: what needs no decision is recorded once, and later decisions count it."""

from datetime import UTC, datetime, timedelta

import pytest

from fraud_detection_api.adapters.sql.events import events_of
from fraud_detection_api.decision.identifiers import uuid_bytes
from support.builders import registry_with_champion
from support.http import ADMIN_KEY, JSON, SCORE_KEY, assert_problem, bearer
from support.payments import A_PAYMENT, payments_files
from support.scraped import scraped

MONITOR_KEY = "monitor-key-of-the-tests"


@pytest.fixture
def paying(client_for, tmp_path):
    """A client of an application for payments that stores decisions, and what else its settings say."""

    def start(**settings):
        store = {"store": f"sqlite:///{tmp_path / 'decisions.db'}", **settings}
        return client_for(registry_with_champion(payments_files()), **store)

    return start


@pytest.fixture
def client(paying):
    return paying()


def event(event_id, known=None, **changes) -> dict:
    return {"event_id": event_id, "record": {**A_PAYMENT, **changes}, **({} if known is None else {"is_fraud": known})}


def send(client, *events, **headers):
    return client.post("/v1/events", json={"events": list(events)}, headers=headers)


def stored(client) -> list:
    """What is stored, in the order of the log."""
    database = client.app.state.container.store._database
    with database.reading() as session:
        ids = [row[0] for row in session.rows("SELECT event_id FROM events ORDER BY event_id")]
        return sorted(events_of(session, ids), key=lambda each: uuid_bytes(each.event_id))


def decide(client, **changes) -> dict:
    """The history features that a decision saw."""
    sent = {"records": [{**A_PAYMENT, "instalments": 1, **changes}]}
    (decided,) = client.post("/v1/decisions", json=sent).json()["decisions"]
    record = client.get(f"/v1/decisions/{decided['decision_id']}").json()["record"]
    return {name: record[name] for name in ("payments_1d", "since_web_payment", "terminal_fraud_28d")}


def test_the_next_decision_counts_events(client):
    answer = send(
        client, event("a", paid_at="2026-11-22T09:00:00Z"), event("b", paid_at="2026-11-20T10:00:00Z", known=True)
    )
    assert (answer.status_code, answer.json()) == (200, {"recorded": 2, "repeated": 0})
    assert decide(client) == {"payments_1d": 1.0, "since_web_payment": 3600.0, "terminal_fraud_28d": 0.0}
    late = decide(client, paid_at="2026-11-28T12:00:00Z")
    assert late["terminal_fraud_28d"] == 1.0  # of the events older than a week, all


def test_a_label_of_an_event_counts_from_the_next_decision_on_and_so_does_its_correction(client):
    send(client, event("a", paid_at="2026-11-12T09:00:00Z", known=False), event("b", paid_at="2026-11-12T09:00:00Z"))
    shares = [decide(client)["terminal_fraud_28d"]]
    for said in ({}, {"is_fraud": False, "source": "customer"}):
        assert label(client, {"event_id": "a", **said}) == 1
        shares.append(decide(client)["terminal_fraud_28d"])
    assert shares == [0.0, 0.5, 0.0]


def test_an_event_is_recorded_once_under_its_id(client):
    first, other = event("a"), event("a", amount=7.0)
    assert send(client, first, event("b"), other).json() == {"recorded": 2, "repeated": 1}
    assert send(client, event(" a "), event("c")).json() == {"recorded": 1, "repeated": 1}
    kept = stored(client)
    assert [each.external_id for each in kept] == ["a", "b", "c"]
    assert '"amount":40.0' in kept[0].record
    assert all(map(client.app.state.container.recorder.is_intact_event, kept))


def test_no_events_are_recorded_as_none(client):
    assert send(client).json() == {"recorded": 0, "repeated": 0}


def test_features_that_no_history_feature_reads_may_be_left_out(client):
    assert send(client, event("a"), event("b", instalments=3, is_night=True, device=None)).json()["recorded"] == 2


@pytest.mark.parametrize("pseudonym_key", ["", "k" * 32], ids=["plain", "pseudonyms"])
def test_an_events_entity_is_stored_as_that_of_a_decision(paying, pseudonym_key):
    client = paying(pseudonym_key=pseudonym_key)
    send(client, event("a", known=False))
    decide(client)
    (kept,) = stored(client)
    (decision,) = client.app.state.container.store.page(_anything(), limit=2)
    assert (kept.entity, kept.contract, kept.is_fraud) == (decision.entity, decision.contract, 0)
    assert ('"card"' in kept.record) == (not pseudonym_key)


def _anything():
    from fraud_detection_api.services.storage.decision_store import DecisionFilter

    return DecisionFilter()


BAD = {
    "amount": ({"amount": -1}, "/events/1/record/amount"),
    "a required column": ({"amount": None}, "/events/1/record/amount"),
    "a constraint": ({"amount": 0}, "/events/1/record/amount"),
    "time": ({"paid_at": "yesterday"}, "/events/1/record/paid_at"),
    "key": ({"terminal": "x"}, "/events/1/record/terminal"),
    "a history feature": ({"payments_1d": 3}, "/events/1/record/payments_1d"),
    "an unread feature": ({"instalments": 1.5}, "/events/1/record/instalments"),
}


@pytest.mark.parametrize(("changes", "pointer"), BAD.values(), ids=BAD)
def test_a_bad_field_of_a_record_is_named_and_nothing_recorded(client, changes, pointer):
    problem = assert_problem(send(client, event("a"), event("b", **changes)), 422, "invalid_events")
    assert [each["pointer"] for each in problem["errors"]] == [pointer]
    assert stored(client) == []


def test_every_bad_field_is_named(client):
    body = b"""{"events": [{"event_id": "a", "record": 3}, {"record": {"card": "C", "card": "C", "amount": "x"}},
      {"event_id": "", "is_fraud": 1, "when": 3, "record": {}}], "more": 1}"""
    problem = assert_problem(client.post("/v1/events", content=body, headers=JSON), 422, "invalid_events")
    assert {each["pointer"] for each in problem["errors"]} == {
        "/events/0/record",
        "/events/1/event_id",
        "/events/1/record/card",
        *(f"/events/1/record/{name}" for name in ("paid_at", "terminal", "amount")),
        *(f"/events/2/{name}" for name in ("event_id", "is_fraud", "when")),
        *(f"/events/2/record/{name}" for name in ("card", "paid_at", "terminal", "amount")),
        "/more",
    }


@pytest.mark.parametrize("body", [b"[]", b"3", b"null", b'{"events": 3}', b'{"events": [3]}', b'{"events": [[]]}'])
def test_a_body_of_another_shape_is_refused(client, body):
    assert_problem(client.post("/v1/events", content=body, headers=JSON), 422, "invalid_events")


def test_more_events_than_the_limit_are_refused(paying):
    client = paying(max_records=2)
    assert send(client, event("a"), event("b")).status_code == 200
    assert_problem(send(client, event("a"), event("b"), event("c")), 413, "too_many_events")


def test_a_contract_without_history_has_no_events(client_for, tmp_path):
    client = client_for(store=f"sqlite:///{tmp_path / 'decisions.db'}")
    record = {"customer_id": 1}
    assert_problem(send(client, {"event_id": "a", "record": record}), 409, "no_history")
    assert_problem(send(client, {"event_id": "a", "record": {}}), 422, "invalid_events")


def test_those_who_ask_for_decisions_and_those_who_label_may_send_events(paying):
    analyst = "analyst-key-of-the-tests"
    keys = f"score:{SCORE_KEY},admin:{ADMIN_KEY},analyst:{analyst},monitor:{MONITOR_KEY}"
    client = paying(api_keys=keys)
    for number, key in enumerate((SCORE_KEY, ADMIN_KEY, analyst)):
        assert send(client, event(f"e-{number}"), **bearer(key)).json()["recorded"] == 1
    assert_problem(send(client, event("e"), **bearer(MONITOR_KEY)), 403, "forbidden")


def label(client, *labels):
    """How many were recorded."""
    sent = [{"is_fraud": True, "source": "chargeback", **each} for each in labels]
    return client.post("/v1/labels", json={"labels": sent}).json()["recorded"]


@pytest.mark.parametrize("pseudonym_key", ["", "k" * 32], ids=["plain", "pseudonyms"])
def test_people_see_what_an_entity_did_and_its_features(paying, pseudonym_key):
    client = paying(pseudonym_key=pseudonym_key)
    send(client, event("a", known=False, paid_at="2026-11-22T09:00:00Z"), event("b", card="C-2"))
    sent = {"records": [{**A_PAYMENT, "instalments": 1}]}
    (decided,) = client.post("/v1/decisions", json=sent).json()["decisions"]
    assert label(client, {"decision_id": decided["decision_id"]}, {"event_id": " b "}) == 2
    shown = client.get("/v1/entities/C-1/history", params={"at": "2026-11-22T12:00:00Z"}).json()
    assert shown == {
        "at": "2026-11-22T12:00:00.000Z",
        "events": [
            {
                "at": "2026-11-22T10:00:00.000Z",
                "kind": "decision",
                "id": decided["decision_id"],
                "outcome": decided["outcome"],
                "is_fraud": True,
            },
            {"at": "2026-11-22T09:00:00.000Z", "kind": "event", "id": "a", "outcome": None, "is_fraud": False},
        ],
        "features": {"payments_1d": 2.0, "mean_amount_7d": 40.0, "since_web_payment": 7200.0},
    }
    labelled = client.get("/v1/entities/C-2/history", params={"at": "2026-11-22T12:00:00Z"}).json()
    assert [(each["id"], each["is_fraud"]) for each in labelled["events"]] == [("b", True)]
    before = client.get("/v1/entities/C-1/history", params={"at": "2026-11-22T09:30:00Z", "limit": 1}).json()
    assert [each["id"] for each in before["events"]] == ["a"]
    assert before["features"]["payments_1d"] == 1.0


def test_an_entity_of_another_key_is_shown(client):
    send(client, event("a", terminal=5, paid_at="2026-11-22T09:00:00Z"), event("b", terminal=6))
    shown = client.get("/v1/entities/5/history", params={"key": "terminal", "at": "2026-12-22T12:00:00Z"}).json()
    assert [each["id"] for each in shown["events"]] == ["a"]
    assert shown["features"] == {"terminal_fraud_28d": 0.0}
    shown = client.get("/v1/entities/C-1,web/history", params={"key": "card,channel"}).json()
    assert [*shown["features"]] == ["terminals_7d"]


@pytest.mark.parametrize(("entity", "key", "pointer"), [("5", "amount", "/key"), ("x", "terminal", "/entity_id")])
def test_what_names_no_entity_is_refused(client, entity, key, pointer):
    answer = client.get(f"/v1/entities/{entity}/history", params={"key": key})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_ids_and_keys_are_composed(client):
    send(client, event("a", card="caf\u00e9"), event("a\u0308", card=" cafe\u0301 "), event("\u00e4"))
    for written in ("caf\u00e9", "cafe\u0301"):
        shown = client.get(f"/v1/entities/{written}/history").json()
        assert [each["id"] for each in shown["events"]] == ["\u00e4", "a"]


def test_an_id_that_nothing_is_stored_about_did_nothing(client):
    shown = client.get("/v1/entities/nobody/history").json()
    assert shown["events"] == []
    assert shown["features"] == {"payments_1d": 0.0, "mean_amount_7d": None, "since_web_payment": None}


def test_untimely_events_and_decisions_are_counted_when_they_are_stored(client):
    now = datetime.now(UTC)

    def at(hours: float) -> str:
        return (now + timedelta(hours=hours)).isoformat()

    def counted() -> list[float]:
        shown = scraped(client)
        name, timings = "fraud_history_untimely_events_total", ("out_of_order", "too_late", "future")
        return [shown.value(name, timing=timing) for timing in timings]

    def ask(*hours: float, **asked) -> None:
        records = [{**A_PAYMENT, "instalments": 1, "paid_at": at(each)} for each in hours]
        assert client.post("/v1/decisions", json={"records": records, **asked}).status_code == 200

    assert counted() == [0, 0, 0]
    ask(-1, -2, 5)  # one of a request is the newest for those after it
    assert counted() == [1, 0, 1]
    send(client, event("a", paid_at=at(-0.5)), event("b", paid_at=at(-500)), event("c", paid_at=at(-3)))
    assert counted() == [3, 1, 1]  # of one in the future, the time of its arrival counts
    send(client, event("c", paid_at=at(-4)), event("d", paid_at=at(-4)))  # c was recorded before
    assert counted() == [4, 1, 1]
    ask(-4, 9, dry_run=True)
    assert counted() == [4, 1, 1]
    ask(*[9] * 2000)
    assert counted() == [4, 1, 2001]
