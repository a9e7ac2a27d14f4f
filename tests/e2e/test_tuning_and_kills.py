"""`fraud tune` killed at any moment, ten times over: no finished trial is lost, and the same command goes on."""

import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.model.bundle import read_bundle
from fraud_detection_api.training.data.synthetic import simulate_credit_records
from support.polling import eventually
from support.servers import FRAUD, clean_environment, run_fraud

KILLS = 10
TRIALS = "40"
FINISHED = """
SELECT t.number, t.state, v.value FROM trials t LEFT JOIN trial_values v USING (trial_id)
WHERE t.state IN ('COMPLETE', 'PRUNED') ORDER BY t.number
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "credit.parquet"
    simulate_credit_records(600, seed=3, fraud_rate=0.2).write_parquet(path)
    return path


def tuning(records: Path, folder: Path, *, trials: str) -> list[str]:
    study, registry = folder / "study.db", folder / "registry"
    options = ["--trials", trials, "--folds", "2", "--study", str(study), "--registry", str(registry)]
    return ["tune", str(records), *options]


def finished(study: Path) -> list[tuple[object, ...]]:
    """Numbers, states and values of the finished trials, read without Optuna."""
    return rows(study, FINISHED)


def rows(study: Path, query: str) -> list[tuple[object, ...]]:
    if not study.exists():
        return []
    # not read-only: a kill may leave a journal, and whoever opens the file next has to roll it back
    connection = sqlite3.connect(f"file:{study}?mode=rw", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return []
    finally:
        connection.close()


def begun(study: Path) -> int:
    """Trials that were ever begun."""
    counted = rows(study, "SELECT count(*) FROM trials WHERE state != 'WAITING'")
    return counted[0][0] if counted else 0


def begins_another(study: Path, before: int) -> None:
    eventually(lambda: begun(study) > before, "another trial is begun", within_seconds=120)


@contextmanager
def killed(command: list[str]) -> Iterator[None]:
    """Run the command until the block is left."""
    process = subprocess.Popen(
        [*FRAUD, *command], env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_ten_kills_lose_no_finished_trial(records, tmp_path):
    study, moments = tmp_path / "study.db", random.Random(5)
    known: list[tuple[object, ...]] = []
    for _ in range(KILLS):
        with killed(tuning(records, tmp_path, trials=TRIALS)):
            # where two are begun, one was finished; so a slow machine gets somewhere too
            begins_another(study, begun(study) + moments.randrange(2))
            time.sleep(moments.uniform(0, 1.2))
        found = finished(study)
        assert found[: len(known)] == known
        known = found
    assert len(known) > 1
    wanted = len(known) + 1
    done = run_fraud(*tuning(records, tmp_path, trials=str(wanted)))
    assert done.returncode == 0, done.stderr
    assert finished(study)[: len(known)] == known
    registry = FileRegistry(tmp_path / "registry")
    card = read_bundle(registry.fetch(registry.versions()[-1]), source="test").card
    assert card["tuning"]["trials"] == wanted
    assert card["tuning"]["best_value"] == max(
        value for _number, state, value in finished(study) if state == "COMPLETE"
    )


@pytest.mark.slow
def test_a_killed_tuning_registers_nothing(records, tmp_path):
    with killed(tuning(records, tmp_path, trials="500")):
        eventually(lambda: finished(tmp_path / "study.db"), "a trial is finished", within_seconds=60)
    assert FileRegistry(tmp_path / "registry").versions() == []
