"""What ten people who browse cost those who score: the same server, measured with and without them in turn."""

import json
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.console.person import Person
from benchmarks.console.server import PASSWORD, Serving, add_person, serving
from benchmarks.serving.wrk import Ask, require_wrk, run_wrk
from fraud_detection_api.contract.loading import CREDIT, load_contract
from fraud_detection_api.training.data.synthetic import simulate_credit_records

COLUMNS = [*load_contract(CREDIT).features, "customer_id"]
PEOPLE, THINK_SECONDS = 10, 1.0
CONNECTIONS, SECONDS = 32, 6
WALK = (
    "/console",
    "/console/queue",
    "/console/decisions",
    "/console/monitoring",
    "/console/models",
    "/console/queue?order=age",
)


class Round(NamedTuple):
    """Requests a second, the processor's microseconds of one, and pages that people opened."""

    requests_per_second: float
    processor_us: float
    p99_ms: float
    failed: int
    pages: int


def beside(registry: Path, folder: Path, pairs: int) -> None:
    """Print each pair of rounds, and the medians of their ratios."""
    require_wrk()
    file, body = folder / "beside.db", folder / "beside.json"
    file.unlink(missing_ok=True)
    body.write_text(
        json.dumps({"records": simulate_credit_records(1, seed=8).select(COLUMNS).to_dicts()}), encoding="utf-8"
    )
    store = f"sqlite:///{file.absolute()}"
    ratios, costs = [], []
    with serving(registry, store, folder / "beside.log") as server:
        add_person(store, "admin", "admin")
        _scored(server, body)  # warm
        for number in range(pairs):
            order = (False, True) if number % 2 else (True, False)
            rounds = {is_browsed: _round(server, body, is_browsed=is_browsed) for is_browsed in order}
            alone, browsed = rounds[False], rounds[True]
            ratios.append(browsed.requests_per_second / alone.requests_per_second)
            costs.append(browsed.processor_us / alone.processor_us)
            print(f"alone {alone}\nwith  {browsed}\nratio {ratios[-1]:.3f}", flush=True)
    print(f"medians: {statistics.median(ratios):.3f} of requests/s, {statistics.median(costs):.3f} of processor time")


def _round(server: Serving, body: Path, *, is_browsed: bool) -> Round:
    if not is_browsed:
        return _scored(server, body)
    with browsing(server.port) as opened:
        scored = _scored(server, body)
        return scored._replace(pages=len(opened))


def _scored(server: Serving, body: Path) -> Round:
    before = server.processor_seconds()
    load = run_wrk(Ask(f"http://127.0.0.1:{server.port}/v1/decisions", body, CONNECTIONS, SECONDS))
    used = server.processor_seconds() - before
    answered = load.requests_per_second * SECONDS
    return Round(load.requests_per_second, 1e6 * used / answered, load.p99_ms, load.failed, 0)


@contextmanager
def browsing(port: int) -> Iterator[list[float]]:
    """Ten people go from page to page; the list has the milliseconds of each page that they opened."""
    stop, opened = threading.Event(), []

    def browse(person: Person, number: int) -> None:
        while not stop.wait(THINK_SECONDS):
            number += 1
            opened.append(person.get(WALK[number % len(WALK)]).milliseconds)

    people = [Person(port, "admin", PASSWORD) for _ in range(PEOPLE)]
    threads = [threading.Thread(target=browse, args=pair) for pair in zip(people, range(PEOPLE), strict=True)]
    for each in threads:
        each.start()
    try:
        yield opened
    finally:
        stop.set()
        for each in threads:
            each.join()
