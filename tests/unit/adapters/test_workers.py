"""Workers of each kind: results as they are made, errors unchanged, and processes that die."""

import os
import subprocess
import sys

import pytest

from fraud_detection_api.adapters.local_processes import LocalProcesses
from fraud_detection_api.errors import InvalidDataset
from fraud_detection_api.services.workers.pool import ThisProcess, Threads, WorkerLost, results
from support.squaring import Squaring

LOCAL = [ThisProcess(), Threads(2), LocalProcesses(2)]


def worked(workers, work, items):
    with workers.pool(work) as pool:
        return {item: future.exception() or future.result() for item, future in results(pool, list(items))}


@pytest.mark.parametrize("workers", LOCAL, ids=["this process", "threads", "processes"])
def test_each_item_has_its_result_or_its_error(workers, tmp_path):
    done = worked(workers, Squaring(tmp_path), [1, 2, 3, -1])
    error = done.pop(-1)
    assert done == {1: 1, 2: 4, 3: 9}
    assert isinstance(error, InvalidDataset)
    assert error.problems == ("row 1: is negative",)
    assert 1 <= len(list(tmp_path.glob("opened-*"))) <= 2


def test_an_item_whose_process_dies_is_tried_again(tmp_path):
    assert worked(LocalProcesses(2), Squaring(tmp_path, deaths=2), range(1, 8)) == {n: n * n for n in range(1, 8)}


def test_an_item_that_kills_every_process_is_given_up_and_no_other(tmp_path):
    done = worked(LocalProcesses(2), Squaring(tmp_path, deaths=99), range(1, 8))
    assert isinstance(done.pop(5), WorkerLost)
    assert done == {n: n * n for n in (1, 2, 3, 4, 6, 7)}


_KILLED_AT_WORK = """
import os, signal, sys
from pathlib import Path
from fraud_detection_api.adapters.local_processes import LocalProcesses
from support.squaring import Squaring
with LocalProcesses(2).pool(Squaring(Path(sys.argv[1]))) as pool:
    print([future.result() for future in [pool.submit(number) for number in (1, 2)]])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path):
    # they have its stdout, too, so that this returns when the last of them has ended
    ended = subprocess.run(
        [sys.executable, "-u", "-c", _KILLED_AT_WORK, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (-9, b"[1, 4]\n")


class Refusing:
    """Cannot be opened."""

    def __call__(self):
        raise InvalidDataset("model", ["is away"])


@pytest.mark.parametrize("workers", [Threads(1), LocalProcesses(1)], ids=["threads", "processes"])
def test_an_error_of_opening_is_that_of_the_item(workers):
    with workers.pool(Refusing()) as pool:
        assert isinstance(pool.submit(1).exception(), InvalidDataset)


def test_results_may_add_work():
    with ThisProcess().pool(lambda: lambda number: number) as pool:
        waiting, seen = [3], []
        for item, _future in results(pool, waiting):
            seen.append(item)
            waiting += [item - 1] if item else []
    assert seen == [3, 2, 1, 0]
