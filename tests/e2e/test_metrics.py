"""Metrics of a real server with several processes: they are true, never fall, and do not become more."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from support import calls
from support.builders import record
from support.child_processes import children_of
from support.payments import A_PAYMENT, payment, payments_files
from support.polling import eventually
from support.scraped import Scrape, scraped
from support.servers import Server, running_server

TWO = ["--workers", "2"]


@pytest.fixture(scope="module")
def server(file_registry_path, tmp_path_factory) -> Iterator[Server]:
    with running_server(file_registry_path, tmp_path_factory.mktemp("metrics") / "log", arguments=TWO) as started:
        yield started


def post(server, records: int, *, together: int = 1) -> list[int]:
    """Statuses of so many requests of so many records, each over a connection of its own, so that all workers get some."""

    def ask(_number: int) -> int:
        return calls.post(f"{server.url}/fraud_detection", json=[record()] * records).status_code

    with ThreadPoolExecutor(8) as asking:
        return list(asking.map(ask, range(together)))


def once(server, fulfilled) -> Scrape:
    """The first scrape that fulfils a condition; that of another worker may be of a second ago."""
    scrapes = []

    def found() -> bool:
        scrapes.append(scraped(calls, server.url))
        return fulfilled(scrapes[-1])

    eventually(found, "the metrics say so", within_seconds=60)
    return scrapes[-1]


def both_serve(scrape: Scrape) -> bool:
    return len(scrape.series("fraud_model_info")) == 2


def processes_of(scrape: Scrape) -> list[str]:
    return sorted(dict(labels)["process"] for labels in scrape.series("fraud_process_start_time_seconds"))


def youngest(scrape: Scrape) -> float:
    """When the youngest process began."""
    return max(scrape.series("fraud_process_start_time_seconds").values())


def workers_of(server) -> list[int]:
    return children_of(server.process.pid, "spawn_main")


def folder_of(process: int) -> Path:
    """The folder in which the server shares its metrics, from a process's environment."""
    variables = Path(f"/proc/{process}/environ").read_bytes().decode()
    return Path(re.search(r"FRAUD_METRICS_FOLDER=([^\0]+)", variables)[1])


def test_sums_over_two_workers_are_exactly_what_was_answered(server):
    before = once(server, both_serve)
    assert post(server, 3, together=100) == [200] * 100
    assert post(server, 2000, together=3) == [200] * 3
    assert {calls.get(f"{server.url}/v1/models/9").status_code for _ in range(5)} == {404}
    records, requests = 3 * 100 + 2000 * 3, 103
    counts = {
        "fraud_http_requests_total": {"route": "/fraud_detection", "status": "200"},
        "fraud_http_request_duration_seconds_count": {"route": "/fraud_detection", "status": "200"},
    }
    kept = "fraud_store_records_kept_total"
    scored = "fraud_records_scored_total"
    whole = {(kept, records), (scored, records)}
    shown = once(server, lambda scrape: {(name, scrape.total(name) - before.total(name)) for name, _ in whole} == whole)
    for name, labels in counts.items():
        assert shown.total(name, **labels) - before.total(name, **labels) == requests
    for name in ("fraud_probability_count", "fraud_decisions_total"):
        assert shown.total(name) - before.total(name) == records
    assert processes_of(shown) == ["history", "keeper", "worker-0", "worker-1"]
    assert shown.value("fraud_workers") == 2


def test_what_is_untimely_is_counted_once_by_the_worker_that_answers(tmp_path):
    registry = FileRegistry(tmp_path / "registry")
    registry.assign("champion", registry.register(payments_files()))
    now = datetime.now(UTC)
    hours = {None: 0, "out_of_order": -2, "too_late": -24 * 9, "future": 3}
    moments = {timing: (now + timedelta(hours=each - 1)).isoformat() for timing, each in hours.items()}

    def decide(server, moment: str) -> int:
        return calls.post(f"{server.url}/v1/decisions", json={"records": [payment(paid_at=moment)]}).status_code

    def record_event(server, event_id: str, moment: str) -> int:
        event = {"event_id": event_id, "record": {**A_PAYMENT, "paid_at": moment}}
        return calls.post(f"{server.url}/v1/events", json={"events": [event]}).status_code

    with running_server(tmp_path / "registry", tmp_path / "log", arguments=TWO) as server:
        assert decide(server, moments[None]) == 200
        for number, (timing, moment) in enumerate(moments.items()):
            assert {decide(server, moment) for _ in range(6)} == {200}, timing
            for _ in range(2):  # the second time, it changes nothing
                assert record_event(server, f"event-{number}", moment) == 200
        name = "fraud_history_untimely_events_total"
        once(server, lambda scrape: scrape.total(name) >= 21)
        assert {each: once(server, both_serve).value(name, timing=each) for each in moments if each} == {
            "out_of_order": 7,
            "too_late": 7,
            "future": 7,
        }


def test_a_worker_that_is_killed_goes_on_under_its_name_and_no_sum_falls(server):
    once(server, both_serve)
    names = (
        "fraud_records_scored_total",
        "fraud_http_request_duration_seconds_count",
        "fraud_process_cpu_seconds_total",
    )
    [first, *_] = workers_of(server)
    folder = folder_of(first)
    sums, series = [], []
    for _ in range(2):
        assert set(post(server, 2, together=20)) == {200}
        sums += [[shown.total(name) for name in names] for shown in (scraped(calls, server.url) for _ in range(4))]
        killed_at = time.time()
        os.kill(workers_of(server)[0], signal.SIGKILL)
        # of the one that was killed, gauges are shown for a while
        shown = once(server, lambda scrape: both_serve(scrape) and youngest(scrape) > killed_at)  # noqa: B023
        assert processes_of(shown) == ["history", "keeper", "worker-0", "worker-1"]
        sums.append([shown.total(name) for name in names])
        series.append(len(shown.samples))
    assert all(
        after >= before for earlier, later in pairwise(sums) for before, after in zip(earlier, later, strict=True)
    )
    assert series == [series[0]] * 2
    files = {path.name for path in folder.iterdir() if path.suffix != ".new"}
    slots = ("history", "keeper", "worker-0", "worker-1")
    assert files == {"owner.lock"} | {f"{slot}.{kind}" for slot in slots for kind in ("json", "lock")}


def test_the_folder_goes_with_the_server_or_if_that_was_killed_with_the_next_one(file_registry_path, tmp_path):
    environment = {"TMPDIR": str(tmp_path)}
    with running_server(file_registry_path, tmp_path / "log", **environment) as server:
        server.process.kill()
    [abandoned] = tmp_path.glob("fraud-metrics-*")
    with running_server(file_registry_path, tmp_path / "log", **environment):
        [own] = tmp_path.glob("fraud-metrics-*")
        assert own != abandoned
    assert list(tmp_path.glob("fraud-metrics-*")) == []
