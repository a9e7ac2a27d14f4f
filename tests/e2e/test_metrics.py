"""Metrics of a real server with several processes: they are true, never fall, and do not become more."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from support import calls
from support.builders import record
from support.polling import eventually
from support.scraped import Scrape, scraped
from support.servers import Server, running_server

TWO = ["--workers", "2"]


@pytest.fixture
def server(file_registry_path, tmp_path) -> Iterator[Server]:
    with running_server(file_registry_path, tmp_path / "log", arguments=TWO) as started:
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
    listed = subprocess.run(
        ["ps", "-ww", "--ppid", str(server.process.pid), "-o", "pid=,args="],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def folder_of(process: int) -> Path:
    """The folder in which the server shares its metrics, from a process's environment."""
    variables = Path(f"/proc/{process}/environ").read_bytes().decode()
    return Path(re.search(r"FRAUD_METRICS_FOLDER=([^\0]+)", variables)[1])


def test_sums_over_two_workers_are_exactly_what_was_answered(server):
    once(server, both_serve)
    assert post(server, 3, together=200) == [200] * 200
    assert post(server, 2000, together=6) == [200] * 6
    assert {calls.get(f"{server.url}/v1/models/9").status_code for _ in range(5)} == {404}
    records = 3 * 200 + 2000 * 6
    shown = once(server, lambda scrape: scrape.total("fraud_records_scored_total") == records)
    assert shown.total("fraud_http_requests_total", route="/fraud_detection") == 206
    assert shown.value("fraud_http_requests_total", route="/fraud_detection", status="200") == 206
    assert shown.value("fraud_http_request_duration_seconds_count", route="/fraud_detection", status="200") == 206
    assert shown.value("fraud_probability_count") == records
    assert shown.total("fraud_decisions_total") == records
    kept = once(server, lambda scrape: scrape.value("fraud_store_records_kept_total") == records)
    assert processes_of(kept) == ["keeper", "worker-0", "worker-1"]
    assert kept.value("fraud_workers") == 2


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
    for _ in range(3):
        assert set(post(server, 2, together=20)) == {200}
        sums += [[shown.total(name) for name in names] for shown in (scraped(calls, server.url) for _ in range(4))]
        killed_at = time.time()
        os.kill(workers_of(server)[0], signal.SIGKILL)
        # of the one that was killed, gauges are shown for a while
        shown = once(server, lambda scrape: both_serve(scrape) and youngest(scrape) > killed_at)  # noqa: B023
        assert processes_of(shown) == ["keeper", "worker-0", "worker-1"]
        sums.append([shown.total(name) for name in names])
        series.append(len(shown.samples))
    assert all(
        after >= before for earlier, later in pairwise(sums) for before, after in zip(earlier, later, strict=True)
    )
    assert series == [series[0]] * 3
    files = {path.name for path in folder.iterdir() if path.suffix != ".new"}
    slots = ("keeper", "worker-0", "worker-1")
    assert files == {"owner.lock"} | {f"{slot}.{kind}" for slot in slots for kind in ("json", "lock")}


def test_the_folder_goes_with_the_server(file_registry_path, tmp_path):
    environment = {"TMPDIR": str(tmp_path)}
    for arguments in ([], TWO):
        with running_server(file_registry_path, tmp_path / "log", arguments=arguments, **environment):
            assert len(list(tmp_path.glob("fraud-metrics-*"))) == 1
        assert list(tmp_path.glob("fraud-*-*")) == []


def test_the_folder_of_a_server_that_was_killed_goes_when_the_next_one_starts(file_registry_path, tmp_path):
    environment = {"TMPDIR": str(tmp_path), "FRAUD_STORE": "none"}
    with running_server(file_registry_path, tmp_path / "log", **environment) as server:
        server.process.kill()
    [abandoned] = tmp_path.glob("fraud-metrics-*")
    with (
        running_server(file_registry_path, tmp_path / "one.log", **environment),
        running_server(file_registry_path, tmp_path / "two.log", **environment),
    ):
        assert not abandoned.exists()
        assert len(list(tmp_path.glob("fraud-metrics-*"))) == 2  # one that lives is not taken away


def test_a_named_folder_is_emptied_at_the_start_of_what_an_earlier_server_counted(file_registry_path, tmp_path):
    folder = tmp_path / "shared" / "metrics"
    for _ in range(2):
        with running_server(file_registry_path, tmp_path / "log", FRAUD_METRICS_FOLDER=str(folder)) as server:
            assert post(server, 5) == [200]
            assert scraped(calls, server.url).value("fraud_records_scored_total", route="/fraud_detection") == 5
    assert {path.suffix for path in folder.iterdir()} == {".json", ".lock"}
