"""How long a page takes among ten million decisions: `make bench-store [ARGS="--rows N --file PATH"]`."""

import argparse
import statistics
import sys
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

from benchmarks.store.filling import BEGINNING, BUSY, DAYS, SEEN_ONCE, fill
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.decision.identifiers import first_uuid7
from fraud_detection_api.services.storage.decision_store import DecisionFilter

TARGET_MS = 50.0
TIMES = 5
LIMIT = 100
DAY_MS = 86_400_000

ENTITIES = {
    "": None,
    "entity": "48271",
    "busy entity": BUSY,
    "entity seen once": SEEN_ONCE,
    "unknown entity": "3000000",
}
OUTCOMES = {"": None, "approve": "approve", "decline": "decline"}
RANGES = {
    "": (None, None),
    "since the middle": (BEGINNING + DAYS // 2 * DAY_MS, None),
    "old ten minutes": (BEGINNING + DAY_MS, BEGINNING + DAY_MS + 600_000),
    "old second": (BEGINNING + DAY_MS, BEGINNING + DAY_MS + 1000),
}
PLACES = {"": None, "deep": first_uuid7(BEGINNING + 2 * DAY_MS)}


class Measured(NamedTuple):
    """A page: its name, how many decisions it had, and the median and the longest time."""

    name: str
    found: int
    median_ms: float
    longest_ms: float


def measured(store: SqlDecisionStore, limit: int) -> list[Measured]:
    """Every combination of filters, as the first page and deep down."""
    results = []
    for entity, outcome, span, place in product(ENTITIES, OUTCOMES, RANGES, PLACES):
        wanted = DecisionFilter(*RANGES[span], entity=ENTITIES[entity], outcome=OUTCOMES[outcome])  # type: ignore[arg-type]
        name = ", ".join(each for each in (entity, outcome, span, place) if each) or "everything"
        times, found = [], 0
        for _ in range(TIMES):
            began = time.perf_counter()
            found = len(store.page(wanted, limit=limit, before=PLACES[place]))
            times.append(1000 * (time.perf_counter() - began))
        results.append(Measured(name, found, statistics.median(times), max(times)))
    return results


def main() -> int:
    """Fill the file where it is not there, measure, and say what was too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument(
        "--file", type=Path, default=Path(".benchmark/store.db"), help="made where it is not there, and kept"
    )
    asked = parser.parse_args()
    asked.file.parent.mkdir(parents=True, exist_ok=True)
    if not asked.file.exists():
        fill(asked.file, asked.rows)
    store = SqlDecisionStore(SqliteDatabase(asked.file, timeout_seconds=60), idempotency_seconds=86_400)
    results = measured(store, asked.limit)
    for each in sorted(results, key=lambda result: -result.median_ms):
        print(f"{each.median_ms:9.2f} ms  {each.longest_ms:9.2f} longest  {each.found:5} found  {each.name}")
    slow = [each.name for each in results if each.median_ms >= TARGET_MS]
    print(f"{len(results)} pages, {len(slow)} of {TARGET_MS:g} ms or more")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
