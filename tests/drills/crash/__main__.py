"""The crash test: `make test-crash`. Kills real servers under load, and proves that what was acknowledged is kept once."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from drills.crash.postgres import Postgres, running_postgres
from drills.crash.race import keys_raced
from drills.crash.scenarios import (
    JOURNALING,
    database_and_server_killed,
    database_killed,
    part_killed,
    server_killed,
    server_killed_while_locked,
)
from drills.crash.service import Service
from drills.crash.verdict import Verdict
from fraud_detection_api.adapters.file_registry import FileRegistry
from support.builders import credit_files

FAULTS_SHOWN = 20
SEALED = {"FRAUD_SEAL_KEY": "a key for the seals of the crash test"}

Scenario = Callable[[Path], Verdict]


def main() -> int:
    """Run what is asked for; 0 where everything held."""
    asked = _arguments()
    work = Path(tempfile.mkdtemp(prefix="crash-test-"))
    scenarios = _scenarios(asked, work / "registry")
    if not scenarios:
        sys.exit(f"no scenario's name contains {asked.only!r}")
    registry = FileRegistry(work / "registry")
    registry.assign("champion", registry.register(credit_files()))
    found = {name: _run(name, run, work) for name, run in scenarios.items()}
    if any(verdict.faults for verdict in found.values()):
        print(f"\nFAILED; stores and logs are in {work}")
        return 1
    shutil.rmtree(work)
    kills = sum(verdict.kills for verdict in found.values())
    records = sum(verdict.compared.acknowledged_records for verdict in found.values())
    print(f"\n{kills} kills, {records:,} records acknowledged: each is kept exactly once, equal and whole")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-crash", description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=50, help="of a server on SQLite, with one worker and with two (50)"
    )
    parser.add_argument("--other-kills", type=int, default=20, help="of all else (20)")
    parser.add_argument("--clients", type=int, default=200, help="who race for a key (200)")
    parser.add_argument("--keys", type=int, default=20, help="that are raced for (20)")
    parser.add_argument("--seed", type=int, default=1, help="moments and requests are drawn from it (1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="the scenarios whose name contains it")
    return parser.parse_args()


def _scenarios(asked: argparse.Namespace, registry: Path) -> dict[str, Scenario]:
    def service(folder: Path, workers: int, **environment: str) -> Service:
        given = {"FRAUD_WORKERS": str(workers), "FRAUD_JOURNAL": str(folder / "journal")}
        return Service(registry, folder, **SEALED, **given, **environment)

    def on_postgres(workers: int, run: Callable[[Service, Postgres], Verdict], **environment: str) -> Scenario:
        def within(folder: Path) -> Verdict:
            with running_postgres() as postgres:
                return run(service(folder, workers, FRAUD_STORE=postgres.url, **environment), postgres)

        return within

    seed, few = asked.seed, {"kills": asked.other_kills, "seed": asked.seed}
    race = {"clients": asked.clients, "keys": asked.keys}
    scenarios: dict[str, Scenario] = {
        "server, 1 worker": lambda at: server_killed(service(at, 1), kills=asked.kills, seed=seed),
        "server, 2 workers": lambda at: server_killed(service(at, 2), kills=asked.kills, seed=seed),
        "server, 2 workers, PostgreSQL": on_postgres(2, lambda server, _: server_killed(server, **few)),
        "one process of the server": lambda at: part_killed(service(at, 2), **few),
        "PostgreSQL": on_postgres(2, lambda server, postgres: database_killed(server, postgres, **few)),
        "PostgreSQL and server, journal": on_postgres(
            2, lambda server, postgres: database_and_server_killed(server, postgres, **few), **JOURNALING
        ),
        "server, SQLite locked, journal": lambda at: server_killed_while_locked(service(at, 2, **JOURNALING), **few),
        "race for keys": lambda at: keys_raced(service(at, 2), **race),
        "race for keys, PostgreSQL": on_postgres(2, lambda server, _: keys_raced(server, **race)),
    }
    return {name: run for name, run in scenarios.items() if asked.only in name}


def _run(name: str, run: Scenario, work: Path) -> Verdict:
    folder = work / name.replace(", ", "-").replace(" ", "-")
    folder.mkdir()
    verdict = run(folder)
    compared, refused = verdict.compared, verdict.refused + verdict.refused_keys
    print(
        f"{name:31} {verdict.kills:3} kills {verdict.seconds:5.0f} s  requests: {verdict.sent:6,} sent "
        f"{verdict.acknowledged:6,} acknowledged {refused:6,} refused {verdict.broken:4,} cut "
        f" records: {compared.acknowledged_records:7,} acknowledged {compared.kept_records:7,} kept "
        f" {verdict.keys:5,} keys  {len(verdict.faults)} faults",
        flush=True,
    )
    for fault in verdict.faults[:FAULTS_SHOWN]:
        print(f"  {fault}")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
