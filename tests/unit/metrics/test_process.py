"""What a process takes of its machine."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from fraud_detection_api.metrics import process
from fraud_detection_api.metrics.catalogue import PROCESS_CPU
from fraud_detection_api.metrics.process import measure_process
from fraud_detection_api.metrics.tallies import Tallies


def told(tallies):
    return {name: value for name, _labels, value in tallies.snapshot("worker-0").series}


@pytest.fixture
def tallies():
    tallies = Tallies()
    measure_process(tallies)
    return tallies


def test_it_is_read_anew_each_time(tallies):
    before = told(tallies)
    with ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(Path("/dev/null").open())
        began = time.process_time()
        while time.process_time() < began + 0.05:
            pass
        after = told(tallies)
    assert after["fraud_process_open_fds"][0] == before["fraud_process_open_fds"][0] + 5
    assert 0.04 < after["fraud_process_cpu_seconds_total"] - before["fraud_process_cpu_seconds_total"] < 5
    assert after["fraud_process_resident_memory_bytes"][0] > 10_000_000


def test_processor_time_goes_on_from_the_process_before():
    tallies, before = Tallies(), Tallies()
    before.counter(PROCESS_CPU).add(1_000_000)
    measure_process(tallies)
    tallies.continue_from(before.snapshot("worker-0"))
    used = [told(tallies)["fraud_process_cpu_seconds_total"] for _ in range(2)]
    assert 1_000_000 < used[0] <= used[1] < 1_010_000


def test_where_there_is_no_proc_the_rest_is_told(tallies, monkeypatch, tmp_path):
    monkeypatch.setattr(process, "_STATM", tmp_path / "nothing")
    assert told(tallies)["fraud_process_cpu_seconds_total"] > 0
    assert "fraud_process_resident_memory_bytes" not in told(tallies)
