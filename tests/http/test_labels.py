"""POST /v1/labels: what turned out to be true of decisions is recorded, and what is not known is told."""

import re

import pytest

from support.builders import OVERDRAWN, record
from support.http import ADMIN_KEY, API_KEYS, JSON, SCORE_KEY, assert_problem, bearer

NOBODYS = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
ANALYST_KEY = "analyst-key-of-the-tests"


@pytest.fixture
def keeping(client_for, tmp_path):
    """A client of an application that keeps decisions, and what else its settings say."""

    def start(**settings):
        return client_for(store=f"sqlite:///{tmp_path / 'decisions.db'}", **settings)

    return start


@pytest.fixture
def client(keeping):
    return keeping()


def decide(client, *records, **headers) -> list[dict]:
    sent = {"records": list(records or [OVERDRAWN])}
    return client.post("/v1/decisions", json=sent, headers=headers).json()["decisions"]


def label(client, *labels, **headers):
    return client.post("/v1/labels", json={"labels": list(labels)}, headers=headers)


def chargeback(about, **changes) -> dict:
    return {"decision_id": about, "is_fraud": True, "source": "chargeback", **changes}


def history(client, decision_id):
    return client.app.state.container.labels.history(decision_id)


def test_a_decision_is_labelled_by_its_id(client):
    [decision] = decide(client)
    sent = chargeback(decision["decision_id"], effective_at="2026-11-22T10:00:00.5+01:00", note="card stolen")
    answer = label(client, sent)
    assert answer.status_code == 200
    assert answer.json() == {"recorded": 1, "repeated": 0, "unknown": []}
    [kept] = history(client, decision["decision_id"])
    assert (kept.is_fraud, kept.source, kept.note) == (True, "chargeback", "card stolen")
    assert kept.effective_at == 1_795_338_000_500


@pytest.mark.parametrize("entity_id", [7, "7", 7.0])
@pytest.mark.parametrize("pseudonym_key", ["", "k" * 32], ids=["plain", "pseudonyms"])
def test_a_decision_is_labelled_by_its_entity_and_time(keeping, pseudonym_key, entity_id):
    client = keeping(pseudonym_key=pseudonym_key)
    first, other = decide(client, record(customer_id=7), record(customer_id=8))
    sent = {"entity_id": entity_id, "decided_at": first["decided_at"], "is_fraud": False, "source": "customer"}
    assert label(client, sent).json() == {"recorded": 1, "repeated": 0, "unknown": []}
    assert len(history(client, first["decision_id"])) == 1
    assert history(client, other["decision_id"]) == []


def test_a_decisions_labels_are_read_as_recorded_and_one_is_in_force(client):
    [decision] = decide(client)
    told = client.get(f"/v1/decisions/{decision['decision_id']}/labels")
    assert told.json() == {"decision_id": decision["decision_id"], "labels": []}
    late, early = "2026-11-22T10:00:00.000Z", "2026-11-20T10:00:00.000Z"
    label(client, chargeback(decision["decision_id"], effective_at=late, note="card stolen"))
    label(client, chargeback(decision["decision_id"], effective_at=early, is_fraud=False, source="customer"))
    first, second = client.get(f"/v1/decisions/{decision['decision_id']}/labels").json()["labels"]
    assert first.pop("recorded_at") <= second.pop("recorded_at")
    assert (first.pop("reviewer"), second.pop("reviewer")) == (None, None)  # no keys are set
    said = {"is_fraud": True, "source": "chargeback", "effective_at": late, "note": "card stolen", "in_force": True}
    assert first == said
    assert second == {
        "is_fraud": False,
        "source": "customer",
        "effective_at": early,
        "note": "",
        "in_force": False,
    }


def test_labels_of_a_decision_that_is_not_kept_are_unknown(client):
    assert_problem(client.get(f"/v1/decisions/{NOBODYS}/labels"), 404, "unknown_decision")


def test_labels_that_are_sent_again_change_nothing(client):
    [decision] = decide(client)
    sent = chargeback(decision["decision_id"])
    label(client, sent)
    assert label(client, sent, sent).json() == {"recorded": 0, "repeated": 2, "unknown": []}


def test_what_is_not_kept_is_told_and_the_rest_recorded(client):
    [decision] = decide(client)
    by_entity = {"entity_id": "7", "decided_at": "2026-11-22", "is_fraud": True, "source": "rule"}
    answer = label(client, chargeback(NOBODYS), chargeback(decision["decision_id"]), by_entity)
    assert answer.json() == {
        "recorded": 1,
        "repeated": 0,
        "unknown": [
            {"pointer": "/labels/0", "detail": "no decision with that id is stored"},
            {"pointer": "/labels/2", "detail": "there was no decision on that entity by then"},
        ],
    }


def test_no_labels_are_recorded_as_none(client):
    assert label(client).json() == {"recorded": 0, "repeated": 0, "unknown": []}


BAD_FIELDS = {
    "decision_id": "abc",
    "is_fraud": "yes",
    "source": "police",
    "effective_at": 1_700_000_000,
    "note": "x" * 1001,
    "amount": 1,
}


def refused(client, *labels) -> list[str]:
    """The pointers of a refusal."""
    problem = assert_problem(label(client, *labels), 422, "invalid_labels")
    return [error["pointer"] for error in problem["errors"]]


def refused_body(client, body: bytes | str) -> list[str]:
    problem = assert_problem(client.post("/v1/labels", content=body, headers=JSON), 422, "invalid_labels")
    return [error["pointer"] for error in problem["errors"]]


def test_every_bad_field_is_named_and_nothing_is_recorded(client):
    [decision] = decide(client)
    good = chargeback(decision["decision_id"])
    assert set(refused(client, good, {**good, **BAD_FIELDS})) == {f"/labels/1/{name}" for name in BAD_FIELDS}
    assert history(client, decision["decision_id"]) == []


def test_missing_fields_are_named(client):
    assert refused(client, {}, {"entity_id": 7}) == [
        "/labels/0/is_fraud",
        "/labels/0/source",
        "/labels/0/decision_id",
        "/labels/1/is_fraud",
        "/labels/1/source",
        "/labels/1/decided_at",
    ]


@pytest.mark.parametrize("entity_id", [None, True, 1.5, "", "x" * 257, 2**63, []])
def test_an_entity_id_is_a_whole_number_or_text(client, entity_id):
    sent = {"entity_id": entity_id, "decided_at": "2026-11-22", "is_fraud": True, "source": "rule"}
    assert set(refused(client, sent)) == {"/labels/0/entity_id"}


def test_a_decision_is_named_in_one_way(client):
    pointers = refused(client, chargeback(NOBODYS, entity_id=7, decided_at="2026-11-22"))
    assert pointers == ["/labels/0/entity_id", "/labels/0/decided_at"]


def test_what_is_not_known_yet_is_refused(client):
    assert refused(client, chargeback(NOBODYS, effective_at="9000-01-01")) == ["/labels/0/effective_at"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"[]", ""),
        (b"{}", "/labels"),
        (b'{"labels": {}}', "/labels"),
        (b'{"labels": [1]}', "/labels/0"),
        (b'{"labels": [], "x": 1}', "/x"),
        (b'{"labels": [], "labels": []}', "/labels"),
    ],
)
def test_another_body_is_refused_with_a_pointer_to_what_is_wrong(client, body, pointer):
    assert refused_body(client, body) == [pointer]


def test_a_key_that_occurs_twice_in_a_label_is_refused(client):
    body = f'{{"labels": [{{"decision_id": "{NOBODYS}", "is_fraud": true, "source": "rule", "is_fraud": false}}]}}'
    assert refused_body(client, body) == ["/labels/0/is_fraud"]


def test_more_labels_than_the_limit_are_refused(keeping):
    client = keeping(max_records=2)
    assert label(client, *[chargeback(NOBODYS)] * 2).status_code == 200
    assert_problem(label(client, *[chargeback(NOBODYS)] * 3), 413, "too_many_labels")


def test_an_analyst_labels_and_a_scoring_system_does_not(keeping):
    client = keeping(api_keys=f"{API_KEYS},analyst:{ANALYST_KEY}")
    [decision] = decide(client, **bearer(SCORE_KEY))
    sent = chargeback(decision["decision_id"])
    assert_problem(label(client, sent, **bearer(SCORE_KEY)), 403, "forbidden")
    assert label(client, sent, **bearer(ANALYST_KEY)).json()["recorded"] == 1
    assert label(client, sent, **bearer(ADMIN_KEY)).json()["repeated"] == 1


def test_nothing_that_was_sent_is_logged(client, log_text):
    [decision] = decide(client)
    label(client, chargeback(decision["decision_id"], note="s3cret"))
    label(client, chargeback(decision["decision_id"], note="s3cret" * 200))
    assert "s3cret" not in log_text()
    assert decision["decision_id"] not in log_text()


def test_the_name_of_the_key_is_kept_with_the_label(keeping, tmp_path):
    keys = tmp_path / "keys.toml"
    entries = [("payments", "score", SCORE_KEY), ("back-office", "analyst", ANALYST_KEY)]
    keys.write_text("".join(f'[[keys]]\nname = "{n}"\nrole = "{r}"\nkey = "{k}"\n' for n, r, k in entries))
    client = keeping(api_keys_file=keys)
    [decision] = decide(client, **bearer(SCORE_KEY))
    label(client, chargeback(decision["decision_id"]), **bearer(ANALYST_KEY))
    told = client.get(f"/v1/decisions/{decision['decision_id']}/labels", headers=bearer(ANALYST_KEY)).json()
    assert [each["reviewer"] for each in told["labels"]] == ["back-office"]


def test_a_key_without_a_name_is_known_by_its_role_and_digest(keeping):
    client = keeping(api_keys=f"score:{SCORE_KEY},analyst:{ANALYST_KEY}")
    [decision] = decide(client, **bearer(SCORE_KEY))
    label(client, chargeback(decision["decision_id"]), **bearer(ANALYST_KEY))
    [kept] = history(client, decision["decision_id"])
    assert re.fullmatch("analyst [0-9a-f]{8}", kept.reviewer)


@pytest.mark.parametrize("event_id", [None, 7, "", " ", "x" * 257, "a\0"])
def test_an_event_id_is_a_text(client, event_id):
    assert refused(client, {"event_id": event_id, "is_fraud": True, "source": "rule"}) == ["/labels/0/event_id"]


def test_an_event_is_named_by_its_id_alone(client):
    sent = chargeback(NOBODYS, event_id="a")
    assert refused(client, sent) == ["/labels/0/event_id"]
    del sent["decision_id"]
    assert refused(client, {**sent, "entity_id": 7, "decided_at": "2026-11-22"}) == [
        "/labels/0/entity_id",
        "/labels/0/decided_at",
    ]


def test_an_event_that_is_not_stored_is_told_as_a_decision_is(client):
    sent = {"event_id": "a", "is_fraud": True, "source": "rule"}
    assert label(client, sent).json()["unknown"] == [
        {"pointer": "/labels/0", "detail": "no event with that id is stored"}
    ]
