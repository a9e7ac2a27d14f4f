"""SIGTERM begins a drain, and reaches whoever waited for it later; of an event loop in the main thread."""

import asyncio
import os
import signal
import threading

import pytest

from fraud_detection_api.errors import Draining
from fraud_detection_api.services.admission.drain import Drain


@pytest.fixture
def ended():
    """Signals that reached the handler of the server, which is put in place for the test."""
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGTERM, before)


async def lingered(drain: Drain, seconds: float, ended: list[int], *, signals: int = 1) -> list[bool]:
    """Whether the server had been told to end: just after the signals, and in the end."""
    loop = asyncio.get_running_loop()
    with drain.on_sigterm(seconds):
        began = loop.time()
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
        told = [bool(ended)]
        while not ended and loop.time() < began + 10:  # noqa: ASYNC110 a signal wakes nobody
            await asyncio.sleep(0.01)
        assert loop.time() >= began + seconds
        await asyncio.sleep(0.05)
        return [*told, bool(ended)]


@pytest.mark.parametrize("signals", [1, 2])
def test_the_servers_handler_is_called_once_when_the_time_is_up(ended, signals):
    drain = Drain()
    drain.require_none()
    assert asyncio.run(lingered(drain, 0.3, ended, signals=signals)) == [False, True]
    assert ended == [signal.SIGTERM]
    with pytest.raises(Draining):
        drain.require_none()


def test_without_a_time_the_servers_handler_is_called_at_once(ended):
    drain = Drain()
    assert asyncio.run(lingered(drain, 0, ended)) == [True, True]
    assert not drain.begun


def test_afterwards_the_servers_handler_is_restored(ended):
    async def begin_and_end():
        with Drain().on_sigterm(5):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)

    asyncio.run(begin_and_end())
    assert ended == [signal.SIGTERM]


def test_without_a_handler_that_would_end_the_process_nothing_is_changed():
    async def handler_within():
        with Drain().on_sigterm(5):
            return signal.getsignal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        assert asyncio.run(handler_within()) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_changes_no_handler(ended):
    handlers = []

    async def handler_within():
        with Drain().on_sigterm(5):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(handler_within()))
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]
