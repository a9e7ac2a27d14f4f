"""POST /v1/labels: what turned out to be true of decisions is recorded, and what is not known is told."""

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


@pytest.mark.parametrize("pseudonym_key", ["", "k" * 32], ids=["plain", "pseudonyms"])
def test_a_decision_is_labelled_by_its_entity_and_time(keeping, pseudonym_key):
    client = keeping(pseudonym_key=pseudonym_key)
    first, other = decide(client, record(customer_id=7), record(customer_id=8))
    sent = {"entity_id": 7, "decided_at": first["decided_at"], "is_fraud": False, "source": "customer"}
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
    "decision_id": ("abc", "must be a decision's id, as it was answered"),
    "is_fraud": ("yes", "must be true or false"),
    "source": ("police", "must be one of chargeback, analyst, customer, investigation, rule, other"),
    "effective_at": (1_700_000_000, "must be an ISO 8601 time, such as 2026-11-22T10:00:00Z"),
    "note": ("x" * 1001, "must be at most 1000 characters"),
    "amount": (1, "is not a field of this kind of label; name its decision by decision_id, or by entity_id and decided_at"),
}


def refused(client, *labels) -> list[dict]:
    problem = assert_problem(label(client, *labels), 422, "invalid_labels")
    assert problem["detail"].endswith("nothing was recorded")
    return problem["errors"]


def test_every_bad_field_is_named_and_nothing_is_recorded(client):
    [decision] = decide(client)
    good = chargeback(decision["decision_id"])
    errors = refused(client, good, {**good, **{name: sent for name, (sent, _) in BAD_FIELDS.items()}})
    assert {error["pointer"]: error["detail"] for error in errors} == {
        f"/labels/1/{name}": detail for name, (_, detail) in BAD_FIELDS.items()
    }
    assert history(client, decision["decision_id"]) == []


def test_missing_fields_are_named(client):
    errors = refused(client, {}, {"entity_id": 7})
    assert [(error["pointer"], error["detail"]) for error in errors] == [
        ("/labels/0/is_fraud", "is required"),
        ("/labels/0/source", "is required"),
        ("/labels/0/decision_id", "is required, or entity_id and decided_at"),
        ("/labels/1/is_fraud", "is required"),
        ("/labels/1/source", "is required"),
        ("/labels/1/decided_at", "is required"),
    ]


@pytest.mark.parametrize("entity_id", [None, True, 1.5, "", "x" * 257, 2**63, []])
def test_an_entity_id_is_a_whole_number_or_text(client, entity_id):
    sent = {"entity_id": entity_id, "decided_at": "2026-11-22", "is_fraud": True, "source": "rule"}
    errors = refused(client, sent)
    assert {(error["pointer"], error["detail"]) for error in errors} == {
        ("/labels/0/entity_id", "must be a whole number, or text of 1 to 256 characters")
    }


def test_a_decision_is_named_in_one_way(client):
    errors = refused(client, chargeback(NOBODYS, entity_id=7, decided_at="2026-11-22"))
    assert [error["pointer"] for error in errors] == ["/labels/0/entity_id", "/labels/0/decided_at"]


def test_what_is_not_known_yet_is_refused(client):
    errors = refused(client, chargeback(NOBODYS, effective_at="9000-01-01"))
    assert errors == [{"pointer": "/labels/0/effective_at", "detail": "must not be in the future"}]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (b"[]", "", 'must be an object: {"labels": [...]}'),
        (b"{}", "/labels", "is required"),
        (b'{"labels": {}}', "/labels", "must be an array of labels"),
        (b'{"labels": [1]}', "/labels/0", "must be an object"),
        (b'{"labels": [], "x": 1}', "/x", "is not a field of a request"),
        (b'{"labels": [], "labels": []}', "/labels", "occurs more than once in the request"),
    ],
)
def test_another_body_is_refused_by_what_is_wrong_with_it(client, body, pointer, detail):
    problem = assert_problem(client.post("/v1/labels", content=body, headers=JSON), 422, "invalid_labels")
    assert problem["errors"] == [{"pointer": pointer, "detail": detail}]


def test_a_key_that_occurs_twice_in_a_label_is_refused(client):
    body = f'{{"labels": [{{"decision_id": "{NOBODYS}", "is_fraud": true, "source": "rule", "is_fraud": false}}]}}'
    problem = assert_problem(client.post("/v1/labels", content=body, headers=JSON), 422, "invalid_labels")
    assert problem["errors"] == [{"pointer": "/labels/0/is_fraud", "detail": "occurs more than once in the label"}]


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
