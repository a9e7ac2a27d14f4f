"""The header Idempotency-Key: a request that is sent again is answered as it was, and decided once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.builders import OVERDRAWN, record
from support.http import API_KEYS, SCORE_KEY, assert_problem, bearer

PATH = "/v1/decisions"


def ask(client, key, records=(OVERDRAWN,), **options):
    headers = {"Idempotency-Key": key} if isinstance(key, str) else key
    return client.post(PATH, json={"records": list(records), **options}, headers=headers)


def test_a_request_sent_again_is_answered_as_it_was_and_kept_once(kept):
    client = kept.client()
    first, second = ask(client, "a-key", explain=True), ask(client, "a-key", explain=True)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    [row] = kept.rows()
    assert row.idempotency_key == "a-key"
    assert row.decision_id == first.json()["decisions"][0]["decision_id"]


def test_the_same_key_with_another_body_is_refused(kept):
    client = kept.client()
    ask(client, "a-key")
    assert_problem(ask(client, "a-key", [record(total_balance=7)]), 422, "idempotency_key_reused")
    assert_problem(ask(client, "a-key", explain=True), 422, "idempotency_key_reused")
    assert len(kept.rows()) == 1


def test_other_keys_and_none_are_decided_anew(kept):
    client = kept.client()
    answers = [ask(client, key) for key in ("one", "other", {}, {})]
    assert len({answer.json()["decisions"][0]["decision_id"] for answer in answers}) == 4
    assert len(kept.rows()) == 4


def test_a_key_outlives_the_server(kept):
    client = kept.client()
    first = ask(client, "a-key")
    client.__exit__(None, None, None)
    again = ask(kept.client(), "a-key")
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len(kept.rows()) == 1


def test_the_log_names_no_model_for_an_answer_that_was_given_before(kept, caplog):
    client = kept.client()
    caplog.set_level("INFO")
    for _ in range(2):
        ask(client, "a-key")
    told = [record.fields for record in caplog.records if record.message == "request"]
    assert [(line["records"], line["model_version"]) for line in told] == [(1, "1"), (0, None)]


def test_a_key_holds_for_a_time_alone(kept):
    client = kept.client()
    first = ask(client, "a-key")
    store = client.app.state.container.store
    clock = store._wall_clock
    store._wall_clock = lambda: clock() + 24 * 3600 + 1
    second = ask(client, "a-key", [record(total_balance=7)])
    assert second.status_code == 200
    assert second.json() != first.json()


def test_callers_have_keys_of_their_own(kept):
    client = kept.client(api_keys=f"{API_KEYS},score:another-key-of-the-tests")
    headers = [{"Idempotency-Key": "a-key", **bearer(key)} for key in (SCORE_KEY, "another-key-of-the-tests")]
    answers = [ask(client, each) for each in headers]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() != answers[1].json()
    assert len(kept.rows()) == 2


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "Ørsted".encode(), b"\x7f", "tab\tbed"])
def test_a_key_that_is_none_is_refused(kept, key):
    answer = ask(kept.client(), {"Idempotency-Key": key})
    problem = assert_problem(answer, 400, "invalid_header")
    assert problem["detail"].startswith("the header Idempotency-Key must be 1 to 255 visible ASCII characters")
    assert kept.rows() == []


@pytest.mark.parametrize("key", ["x", "x" * 255, '"0199-quoted"', "!#$%&'*+-.^_`|~;=,", " padded "])
def test_any_visible_key_will_do(kept, key):
    client = kept.client()
    assert ask(client, key).content == ask(client, key).content
    assert [row.idempotency_key for row in kept.rows()] == [key.strip()]


def test_two_keys_are_none(kept):
    answer = ask(kept.client(), [("Idempotency-Key", "one"), ("Idempotency-Key", "other")])
    assert "more than once" in assert_problem(answer, 400, "invalid_header")["detail"]
    assert kept.rows() == []


def test_a_dry_run_takes_no_key(kept):
    client = kept.client()
    ask(client, "a-key", dry_run=True)
    assert ask(client, "a-key").status_code == 200
    assert len(kept.rows()) == 1


def test_a_refused_request_takes_no_key(kept):
    client = kept.client()
    assert ask(client, "a-key", [record(total_balance="owed")]).status_code == 422
    assert ask(client, "a-key").status_code == 200


def test_the_given_route_knows_no_keys(kept):
    client = kept.client()
    for _ in range(2):
        answer = client.post("/fraud_detection", json=[OVERDRAWN], headers={"Idempotency-Key": "a-key"})
        assert answer.status_code == 200
    assert len(kept.rows()) == 2


def test_a_large_answer_is_replayed(kept):
    client, records = kept.client(), [record(customer_id=number) for number in range(2000)]
    first = ask(client, "a-key", records)
    assert ask(client, "a-key", records).content == first.content
    assert len(kept.rows()) == 2000


def test_many_who_race_for_a_key_over_two_applications_get_one_answer(kept):
    clients = [kept.client(), kept.client()]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(clients[n % 2], f"key-{n // 2 % 5}"), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    bodies = {(n // 2 % 5, answer.content) for n, answer in enumerate(answers)}
    assert len(bodies) == 5
    assert len(kept.rows()) == 5


def test_without_a_store_a_key_is_checked_and_no_more(client):
    assert ask(client, "a-key").json() != ask(client, "a-key").json()
    assert_problem(ask(client, "two words"), 400, "invalid_header")
