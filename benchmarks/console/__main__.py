"""How long pages of the console take among millions of decisions: `make bench-console [ARGS="--rows N --postgres URL"]`.

With `--beside`, what ten people who browse cost those who score.
"""

import argparse
import statistics
import sys
from pathlib import Path

from benchmarks.console.beside import beside
from benchmarks.console.pages import Measured, measured_pages
from benchmarks.console.person import Person
from benchmarks.console.server import PASSWORD, add_person, prepared_registry, serving
from benchmarks.store.filling import fill
from benchmarks.store.filling_desk import fill_desk
from benchmarks.store.filling_postgres import fill_postgres
from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.services.storage.decision_store import DecisionFilter

TARGET_MS = 100.0
TIMES = 50
FILLING_SECONDS = 3600
SOME = 200
"""Ids of so many decisions, so that pages of a decision are not always the same one's."""


def percentile(times: list[float], share: float) -> float:
    """The time that this share of all is within."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def some_ids(database: Database) -> tuple[list[str], list[str]]:
    """The oldest and the newest decisions that went to review."""
    store = SqlDecisionStore(database, idempotency_seconds=86_400)
    reviewed = DecisionFilter(outcome="review")
    return store.ids(reviewed, limit=SOME), [row.decision_id for row in store.page(reviewed, limit=SOME)]


def filled(asked: argparse.Namespace) -> tuple[str, Database]:
    """The store's address and the store, filled where it is not there."""
    if asked.postgres:
        database: Database = PostgresDatabase(asked.postgres, timeout_seconds=FILLING_SECONDS)
        if asked.fill:
            fill_postgres(asked.postgres, asked.rows)
            fill_desk(database)
        return asked.postgres, database
    asked.file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not asked.file.exists()
    if is_new:
        fill(asked.file, asked.rows)
    database = SqliteDatabase(asked.file, timeout_seconds=FILLING_SECONDS)
    if is_new:
        fill_desk(database)
    return f"sqlite:///{asked.file.absolute()}", database


def shown(results: list[Measured]) -> list[str]:
    """Print all, the slowest first; returns the names of those that are too slow or no page."""
    for each in sorted(results, key=lambda result: -percentile(list(result.times), 0.95)):
        middle, late = statistics.median(each.times), percentile(list(each.times), 0.95)
        kilobytes = each.content_bytes / 1000
        print(f"{late:9.1f} ms p95 {middle:9.1f} median {kilobytes:7.1f} kB  {each.status}  {each.name}")
    return [each.name for each in results if percentile(list(each.times), 0.95) > TARGET_MS or each.status >= 400]


def main() -> int:
    """Fill the store where it is not there, measure, and say what was too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--file", type=Path, default=Path(".benchmark/console.db"), help="made where it is not there")
    parser.add_argument("--postgres", default="", help="the address of a database, instead of the file")
    parser.add_argument("--fill", action="store_true", help="fill that database, which must be empty")
    parser.add_argument("--beside", type=int, default=0, help="measure scoring in so many pairs of rounds instead")
    asked = parser.parse_args()
    folder = Path(".benchmark")
    folder.mkdir(exist_ok=True)
    registry = prepared_registry(folder / "console-registry")
    if asked.beside:
        beside(registry, folder, asked.beside)
        return 0
    store, database = filled(asked)
    old, new = some_ids(database)
    database.close()
    add_person(store, "admin", "admin")
    with serving(registry, store, folder / "console.log", FRAUD_OBSERVER="false") as server:
        results = measured_pages(Person(server.port, "admin", PASSWORD), old, new, asked.times)
    slow = shown(results)
    print(f"{len(results)} pages, {len(slow)} slower than {TARGET_MS:g} ms: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
