"""SIGTERM is an orderly way out, and only within the block."""

import os
import signal
import threading

import pytest

from fraud_detection_api.processes.sigterm import leaves_on_sigterm


def test_sigterm_leaves_with_the_usual_status_and_the_handler_is_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, leaves_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_sigterm_does_not_cut_the_tidying_short():
    tidied = False
    with pytest.raises(SystemExit), leaves_on_sigterm():  # noqa: PT012 the second signal is the point
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            tidied = True
    assert tidied


def test_another_thread_than_the_main_one_is_left_alone():
    seen = []

    def work() -> None:
        with leaves_on_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
