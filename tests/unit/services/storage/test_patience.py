"""Operations that callers wait for in limited time."""

import asyncio
import threading
from contextlib import suppress

import pytest

from fraud_detection_api.errors import RegistryUnavailable, StoreUnavailable, UnknownDecision
from fraud_detection_api.services.storage.patience import PatientThreads, patient
from support.fakes import InMemoryDecisionStore
from support.polling import eventually


@pytest.fixture
def free():
    """Set, so that what hangs goes on."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def threads():
    return PatientThreads(timeout_seconds=0.05, threads=3)


def refused(threads, free) -> bool:
    """Whether an operation is refused; it would hang."""
    with pytest.raises(StoreUnavailable, match="did not answer within"):
        threads.run(free.wait, 20)
    return True


def test_what_an_operation_returns_or_raises_comes_through(threads):
    store = patient(InMemoryDecisionStore(), threads)
    with pytest.raises(UnknownDecision):
        store.find("nothing")
    assert store.save([]) == []
    assert patient(None, threads) is None


def test_an_operation_that_hangs_is_given_up_and_few_threads_hang(threads, free):
    assert all(refused(threads, free) for _ in range(20))
    assert len(threads._running) <= 3


def test_a_registry_that_hangs_has_an_error_of_its_own(free):
    threads = PatientThreads(timeout_seconds=0.05, hangs_for=lambda seconds: RegistryUnavailable(f"{seconds:g} s"))
    for _ in range(2):
        with pytest.raises(RegistryUnavailable, match=r"0\.05 s"):
            threads.run(free.wait, 20)


def test_once_it_hangs_callers_are_refused_at_once_but_for_one_that_tries(free):
    threads = PatientThreads(timeout_seconds=0.3, threads=8)
    with pytest.raises(StoreUnavailable):
        threads.run(free.wait, 20)

    def try_again() -> None:
        with suppress(StoreUnavailable):
            threads.run(free.wait, 20)

    eventually(lambda: not threads._tries(), "the first one counts as hanging, however late its thread began")
    trying = threading.Thread(target=try_again)
    trying.start()
    eventually(lambda: len(threads._running) == 2, "one tries")
    with pytest.raises(StoreUnavailable):
        threads.run(pytest.fail, "it was not refused")
    trying.join()


def test_a_caller_who_waits_too_long_while_others_are_answered_is_the_only_one_refused(free):
    threads = PatientThreads(timeout_seconds=0.4, threads=8)

    def ask_for_much() -> None:
        with pytest.raises(StoreUnavailable):
            threads.run(free.wait, 20)

    first, second = (threading.Thread(target=ask_for_much) for _ in range(2))
    first.start()
    free.wait(0.2)
    assert threads.run(lambda: 7) == 7
    second.start()
    first.join()
    assert threads.run(lambda: 8) == 8
    second.join()


def test_all_works_again_once_an_operation_succeeds(threads, free):
    for _ in range(5):
        refused(threads, free)
    free.set()
    eventually(lambda: not threads._running, "the threads go on")
    assert threads.run(lambda: 7) == 7
    assert threads.run(lambda: 8) == 8


def test_more_operations_than_threads_wait_for_their_turn():
    threads = PatientThreads(timeout_seconds=20, threads=2)
    results: list[int] = []
    callers = [threading.Thread(target=lambda n=n: results.append(threads.run(lambda: n))) for n in range(50)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(results) == list(range(50))


def test_an_event_loop_waits_no_longer_than_its_request_has(threads, free):
    async def ask() -> None:
        assert await threads.result(lambda: 7, seconds=60) == 7
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            await threads.result(lambda: free.wait(20), seconds=0.01)
        assert await threads.result(lambda: 8, seconds=60) == 8

    asyncio.run(ask())
