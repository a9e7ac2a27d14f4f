"""One suite for every DecisionStore: it stores all or nothing, once, and exactly as given."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import StoreUnavailable, UnknownDecision
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.kept import decision_id, kept, keyed, numbers_of, request_of

EVERYTHING = DecisionFilter()
DOUBLES = [5e-324, 0.0, 0.1 + 0.2, 1 / 3, 2.2250738585072014e-308, 1.7976931348623157e308, -1e-200, 1.0, -3.0, 2.0**53]
TEXTS = [
    '"Ærøskøbing"',
    '"日本語 🚀"',
    '"a\\u0000b"',
    '"quote \' and \\" and ? and %s"',
    '""',
    '"\u2028"',
    '"' + "x" * 70_000 + '"',
]
UNKNOWN = [
    "",
    "x",
    "7",
    decision_id(2),
    decision_id(1).upper(),
    decision_id(1).replace("-", ""),
    decision_id(1) + "0",
    "٣",
    "\0",
]


def everything(store) -> list[int]:
    return numbers_of(store.following(EVERYTHING, limit=100_000))


def bits(row) -> list[str]:
    return [value.hex() for value in (row.margin, row.fraud_probability, row.latency_ms)]


def test_an_empty_store_holds_nothing(store):
    assert everything(store) == []
    assert store.page(EVERYTHING, limit=10) == []


def test_a_decision_is_found_as_it_was_stored(store):
    row = kept(1, reasons='[{"rank":1}]', record_index=3, idempotency_key="a key", source="model")
    assert store.save([StoredRequest([row])]) == [None]
    assert store.find(row.decision_id) == row


def test_a_fallback_has_no_numbers(store):
    row = kept(1, source="fallback", outcome="review", margin=None, fraud_probability=None, risk_score=None)
    store.save([StoredRequest([row])])
    assert store.find(row.decision_id) == row


def test_a_decision_may_have_no_entity(store):
    row = kept(1, entity=None)
    store.save([StoredRequest([row])])
    assert store.find(row.decision_id) == row


def test_doubles_are_stored_to_the_last_bit(store):
    rows = [kept(n, margin=x, fraud_probability=x, latency_ms=x) for n, x in enumerate(DOUBLES)]
    store.save([StoredRequest(rows)])
    assert [bits(store.find(row.decision_id)) for row in rows] == [bits(row) for row in rows]


def test_a_negative_zero_may_lose_its_sign(store):
    """SQLite has none; a sum that starts from zero, as a forest's does, never is one."""
    store.save([request_of(1, margin=-0.0)])
    assert store.find(decision_id(1)).margin == 0.0


def test_texts_are_stored_to_the_last_character(store):
    rows = [kept(n, entity=x, record=f'{{"application":{x}}}', reasons=f"[{x}]") for n, x in enumerate(TEXTS)]
    store.save([StoredRequest(rows)])
    assert [store.find(row.decision_id) for row in rows] == rows
    assert [store.page(DecisionFilter(entity=text), limit=10) for text in TEXTS] == [[row] for row in rows]


def test_types_are_preserved(store):
    row = kept(1)
    store.save([StoredRequest([row])])
    assert [type(value) for value in store.find(row.decision_id)] == [type(value) for value in row]


def test_an_invalid_id_is_not_found(store):
    store.save([request_of(1)])
    for unknown in UNKNOWN:
        with pytest.raises(UnknownDecision):
            store.find(unknown)


def test_requests_are_stored_in_one_transaction_as_long_as_it_goes_on(store):
    requests = [request_of(1, 2), request_of(3), request_of(4)]
    asked = []
    assert store.save_while(lambda: asked.append(0) or len(asked) < 2, requests) == 2
    assert numbers_of(store.following(DecisionFilter(), limit=10)) == [1, 2, 3]
    assert store.save_while(lambda: True, requests) == 3
    assert numbers_of(store.following(DecisionFilter(), limit=10)) == [1, 2, 3, 4]


def test_all_decisions_of_all_requests_are_stored(store):
    assert store.save([request_of(1, 2), request_of(3), request_of(4, 5, 6)]) == [None, None, None]
    assert everything(store) == [1, 2, 3, 4, 5, 6]


def test_saving_no_requests_stores_nothing(store):
    assert store.save([]) == []
    assert everything(store) == []


def test_a_request_without_records_is_stored_with_others(store):
    assert store.save([request_of(), request_of(1), request_of()]) == [None, None, None]
    assert everything(store) == [1]


@pytest.mark.parametrize("keyed_too", [False, True])
def test_a_transaction_that_fails_stores_nothing(store, keyed_too):
    others = [request_of(*range(250)), keyed(900, "key")] if keyed_too else [request_of(*range(250))]
    with pytest.raises(Exception):  # noqa: B017 whatever the database says of it
        store.save([*others, request_of(901, outcome="perhaps")])
    assert everything(store) == []
    assert store.find_answer(keyed(900, "key").idempotency) is None


def test_a_request_that_cannot_be_stored_is_not_the_stores_failure(store):
    with pytest.raises(Exception) as caught:
        store.save([request_of(1, outcome="perhaps")])
    assert not isinstance(caught.value, StoreUnavailable)
    assert store.save([request_of(1)]) == [None]
    assert everything(store) == [1]


def test_a_doubtful_write_is_repeated_and_stored_once(store):
    requests = [request_of(1, 2), request_of(3)]
    store.save(requests)
    assert store.save(requests) == [None, None]
    assert everything(store) == [1, 2, 3]


def test_a_stored_decision_is_not_overwritten(store):
    store.save([request_of(1, outcome="approve")])
    store.save([request_of(1, outcome="decline"), request_of(2)])
    assert store.find(decision_id(1)).outcome == "approve"
    assert everything(store) == [1, 2]


def test_a_decision_that_comes_twice_in_one_transaction_is_stored_once(store):
    store.save([request_of(1), request_of(1)])
    assert everything(store) == [1]


def test_a_request_of_ten_thousand_records_is_stored_whole(store):
    rows = [kept(number, record_index=number) for number in range(10_000)]
    store.save([StoredRequest(rows), request_of(10_000)])
    assert store.following(EVERYTHING, limit=10_000) == rows
    assert everything(store)[-1] == 10_000


def test_decisions_of_many_models_keep_their_model(store):
    rows = [kept(number, model_version=str(number % 3), policy_version=str(number % 2)) for number in range(12)]
    store.save([StoredRequest([row]) for row in rows])
    assert store.following(EVERYTHING, limit=100) == rows


def test_checking_stores_no_decision(store):
    store.check()
    store.check()
    assert everything(store) == []


def test_migrating_again_loses_nothing(store):
    store.save([request_of(1)])
    store.migrate()
    assert everything(store) == [1]


def test_a_closed_store_loses_nothing_and_can_be_used_again(store):
    store.save([request_of(1)])
    store.close()
    store.close()
    assert everything(store) == [1]


def test_a_store_opened_twice_holds_the_same(opened):
    one, other = opened(), opened()
    one.save([request_of(1)])
    other.save([request_of(2)])
    assert everything(one) == everything(other) == [1, 2]


def test_two_open_stores_share_deciders(opened):
    one, other = opened(), opened()
    one.save([request_of(1, model_version="1")])
    other.save([request_of(2, model_version="2")])
    one.save([request_of(3, model_version="2")])
    other.save([request_of(4, model_version="1")])
    assert [row.model_version for row in one.following(EVERYTHING, limit=9)] == ["1", "2", "2", "1"]


def test_many_threads_store_and_read_at_once(opened):
    stores, begin = [opened(), opened()], Barrier(8)

    def work(worker: int) -> list[int]:
        begin.wait()
        numbers = range(worker * 100, worker * 100 + 20)
        for number in numbers:
            stores[worker % 2].save([request_of(number, model_version=str(number % 4))])
            assert stores[worker % 2].find(decision_id(number)).decided_at
        return list(numbers)

    with ThreadPoolExecutor(8) as pool:
        expected = [number for numbers in pool.map(work, range(8)) for number in numbers]
    assert everything(stores[0]) == sorted(expected)


def test_the_first_claim_of_a_contract_counts_for_all(opened):
    first, second = opened(), opened()
    assert first.contract() is None
    assert (first.claim("loans"), second.claim("credit"), second.claim("loans")) == ("loans", "loans", "loans")
    assert second.contract() == "loans"


def test_claims_at_the_same_moment_agree(opened):
    stores = [opened() for _ in range(4)]
    with ThreadPoolExecutor() as threads:
        held = list(threads.map(lambda number: stores[number].claim(f"contract-{number}"), range(4)))
    assert set(held) == {stores[0].contract()}
