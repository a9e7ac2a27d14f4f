"""One suite for every DecisionStore: each idempotency key has one answer."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from fraud_detection_api.decision.stored import StoredAnswer
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.kept import keyed, numbers_of, request_of

HOUR = 3600.0


def everything(store) -> list[int]:
    return numbers_of(store.following(DecisionFilter(), limit=1000))


def test_a_free_key_is_taken(store):
    request = keyed(1)
    assert store.find_answer(request.idempotency) is None
    assert store.save([request]) == [None]
    assert store.find_answer(request.idempotency) == StoredAnswer(b"digest", b"answer 1")


def test_answers_are_stored_to_the_last_byte(store):
    answers = [b"", b"\0\xff\n", b"x" * 2_000_000]
    requests = [keyed(n, str(n), answer=answer, body=b"\0" * 32) for n, answer in enumerate(answers)]
    store.save(requests)
    assert [store.find_answer(request.idempotency) for request in requests] == [
        StoredAnswer(b"\0" * 32, x) for x in answers
    ]


def test_a_taken_key_stores_nothing_more(store):
    store.save([keyed(1)])
    assert store.save([keyed(2)]) == [StoredAnswer(b"digest", b"answer 1")]
    assert everything(store) == [1]


def test_the_same_key_twice_in_one_transaction_stores_the_first(store):
    assert store.save([keyed(1), keyed(2)]) == [None, StoredAnswer(b"digest", b"answer 1")]
    assert everything(store) == [1]


def test_other_requests_of_the_transaction_are_still_stored(store):
    store.save([keyed(1)])
    results = store.save([request_of(2), keyed(3), keyed(4, "another key"), request_of(5)])
    assert results == [None, StoredAnswer(b"digest", b"answer 1"), None, None]
    assert everything(store) == [1, 2, 4, 5]


def test_another_body_gets_the_digest_of_the_first(store):
    store.save([keyed(1, body=b"this")])
    assert store.save([keyed(2, body=b"that")]) == [StoredAnswer(b"this", b"answer 1")]
    assert store.find_answer(keyed(3, body=b"that").idempotency) == StoredAnswer(b"this", b"answer 1")


def test_one_of_two_bodies_under_one_key_in_one_transaction_is_stored(store):
    results = store.save([keyed(1, body=b"this"), keyed(2, body=b"that")])
    assert results.count(None) == 1
    assert everything(store) == [1 + results.index(None)]


def test_another_callers_key_of_the_same_name_is_another_key(store):
    assert store.save([keyed(1, caller="one"), keyed(2, caller="other")]) == [None, None]
    assert store.find_answer(keyed(9, caller="one").idempotency).answer == b"answer 1"
    assert store.find_answer(keyed(9, caller="other").idempotency).answer == b"answer 2"
    assert store.find_answer(keyed(9, caller="third").idempotency) is None


def test_keys_are_compared_to_the_letter(store):
    assert store.save([keyed(1, "key"), keyed(2, "KEY"), keyed(3, "key ")]) == [None, None, None]
    assert everything(store) == [1, 2, 3]


def test_a_repeated_write_gets_the_stored_answer(store):
    store.save([keyed(1)])
    assert store.save([keyed(1)]) == [StoredAnswer(b"digest", b"answer 1")]
    assert everything(store) == [1]


def test_a_key_is_taken_until_its_time_has_passed(store, clock):
    store.save([keyed(1)])
    clock[0] += 24 * HOUR
    assert store.find_answer(keyed(2).idempotency) == StoredAnswer(b"digest", b"answer 1")
    assert store.save([keyed(2)]) == [StoredAnswer(b"digest", b"answer 1")]


def test_a_key_whose_time_has_passed_is_free_again(store, clock):
    store.save([keyed(1)])
    clock[0] += 24 * HOUR + 0.001
    assert store.find_answer(keyed(2).idempotency) is None
    assert store.save([keyed(2, body=b"other")]) == [None]
    assert store.find_answer(keyed(2).idempotency) == StoredAnswer(b"other", b"answer 2")
    assert everything(store) == [1, 2]


def test_a_replay_does_not_lengthen_a_keys_time(store, clock):
    store.save([keyed(1)])
    clock[0] += 23 * HOUR
    store.save([keyed(2)])
    clock[0] += 2 * HOUR
    assert store.save([keyed(3)]) == [None]


def test_a_key_is_taken_in_every_open_store(opened):
    one, other = opened(), opened()
    one.save([keyed(1)])
    assert other.save([keyed(2)]) == [StoredAnswer(b"digest", b"answer 1")]
    assert other.find_answer(keyed(2).idempotency) == StoredAnswer(b"digest", b"answer 1")


def test_concurrent_requests_get_each_key_once(opened):
    """Each of eight over connections of its own, with the keys in an order of its own."""
    keys, stores, begin = [f"key {number}" for number in range(12)], [opened() for _ in range(8)], Barrier(8)

    def race(worker: int):
        order = keys[worker:] + keys[:worker]
        if worker % 2:
            order.reverse()
        requests = [keyed(worker * 100 + place, key) for place, key in enumerate(order)]
        begin.wait()
        results = [result for first in (0, 4, 8) for result in stores[worker].save(requests[first : first + 4])]
        answers = zip(requests, results, strict=True)
        return [(request.idempotency.key, result.answer if result else request.answer) for request, result in answers]

    with ThreadPoolExecutor(8) as pool:
        told = [pair for pairs in pool.map(race, range(8)) for pair in pairs]
    assert len(told) == 96
    assert len(set(told)) == len(keys), "everybody was told the same of each key"
    assert len(everything(stores[0])) == len(keys)
