"""The journal: what is written is read until it is stored, whichever process wrote it and however it ended."""

import errno
import os
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from fraud_detection_api.adapters import journal as journal_module
from fraud_detection_api.adapters.journal import FileJournal
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import StoreUnavailable
from support.kept import decision_id, kept, left_held, numbers_of, request_of

ANOTHER_PROCESS = """
import sys
from pathlib import Path
from fraud_detection_api.adapters.journal import FileJournal
from support.kept import request_of
journal = FileJournal(Path(sys.argv[1]))
journal.append([request_of(int(sys.argv[2]))])
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def journal(folder):
    journal = FileJournal(folder)
    yield journal
    journal.close()


def drained(journal) -> list[int]:
    return [number for piece in journal.waiting() for request in piece for number in numbers_of(request.decisions)]


def files(folder: Path, suffix: str = ".journal") -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))


def another_process(folder: Path, number: int) -> subprocess.Popen[str]:
    """One that has written decision `number` down, and lives on."""
    process = subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROCESS, folder, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "written\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_expected_losses_come_back_with_their_request(journal):
    requests = [request_of(1, 2)._replace(losses={decision_id(2): 0.1}), request_of(3)]
    journal.append(requests)
    journal.close()
    assert [request for piece in journal.waiting() for request in piece] == requests


def test_requests_come_back_as_they_were_written(journal):
    rows = [
        kept(
            1,
            entity='"Ærø 🚀"',
            record='{"a":"\\u0000\\n"}',
            margin=-0.0,
            fraud_probability=5e-324,
            latency_ms=0.1 + 0.2,
        ),
        kept(2, entity=None, margin=None, fraud_probability=None, risk_score=None, reasons='[{"rank":1}]'),
    ]
    journal.append([StoredRequest(rows), request_of()])
    [piece] = journal.waiting()
    assert piece == [StoredRequest(rows), request_of()]
    assert piece[0].decisions[0].margin.hex() == "-0x0.0p+0"
    assert piece[0].decisions[0].seal == rows[0].seal


def test_it_comes_in_the_order_in_which_it_was_written(journal):
    for number in range(5):
        journal.append([request_of(number), request_of(number + 10)])
    assert drained(journal) == [0, 10, 1, 11, 2, 12, 3, 13, 4, 14]


def test_a_drained_file_is_removed(journal, folder):
    journal.append([request_of(1)])
    assert drained(journal) == [1]
    assert drained(journal) == []
    assert list(folder.iterdir()) == []


def test_nothing_is_made_before_something_is_written(journal, folder):
    journal.append([])
    assert drained(journal) == []
    assert not folder.exists()


def test_a_check_leaves_the_file_unchanged(journal, folder):
    journal.append([request_of(1)])
    [file] = files(folder)
    before = file.read_bytes()
    journal.check()
    assert file.read_bytes() == before
    journal.append([request_of(2)])
    assert drained(journal) == [1, 2]


def test_only_its_owner_may_read_it(journal, folder):
    journal.append([request_of(1)])
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


def test_a_batch_that_is_not_finished_comes_again(journal):
    journal.append([request_of(*range(3000)), request_of(3000), request_of(3001)])
    pieces = journal.waiting()
    assert len(next(pieces)) == 1
    pieces.close()
    assert drained(journal) == list(range(3002))


def test_it_comes_in_pieces_that_one_transaction_can_take(journal):
    journal.append([request_of(number) for number in range(4100)])
    assert [len(piece) for piece in journal.waiting()] == [2000, 2000, 100]


def test_requests_written_while_draining_wait_for_the_next_drain(journal):
    journal.append([request_of(1)])
    pieces = journal.waiting()
    next(pieces)
    journal.append([request_of(2)])
    assert list(pieces) == []
    assert drained(journal) == [2]


def test_a_line_that_was_cut_off_was_promised_to_no_one(journal, folder):
    journal.append([request_of(1), request_of(2)])
    [path] = files(folder)
    journal.close()
    os.truncate(path, path.stat().st_size - 5)
    assert drained(journal) == [1]
    assert list(folder.iterdir()) == []


def test_a_damaged_line_costs_no_other_and_the_file_is_put_aside(journal, folder):
    journal.append([request_of(1), request_of(2), request_of(3)])
    journal.close()
    [path] = files(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"decline", b"approve")
    path.write_bytes(b"".join(lines))
    assert drained(journal) == [1, 3]
    assert drained(journal) == []
    assert files(folder) == []
    assert files(folder, ".damaged")[0].read_bytes() == b"".join(lines)


@pytest.mark.parametrize("content", [b"[[1,2,3]]", b"[", b"[7]"])
def test_a_line_of_another_version_is_put_aside(journal, folder, content):
    journal.append([request_of(1)])
    journal.close()
    [path] = files(folder)
    with path.open("ab") as file:
        file.write(b"%08x" % zlib.crc32(content) + content + b"\n")
    assert drained(journal) == [1]
    assert len(files(folder, ".damaged")) == 1


def test_the_file_of_a_living_process_is_not_drained(journal, folder):
    process = another_process(folder, 7)
    try:
        assert drained(journal) == []
        assert len(files(folder)) == 1
    finally:
        end(process)
    assert drained(journal) == [7]


def test_the_file_of_a_killed_process_is_drained(journal, folder):
    end(another_process(folder, 7))
    journal.append([request_of(1)])
    assert sorted(drained(journal)) == [1, 7]


def test_only_one_of_two_drains_takes_a_file(journal, folder):
    journal.append([request_of(1)])
    pieces = journal.waiting()
    next(pieces)
    assert drained(FileJournal(folder)) == []
    assert list(pieces) == []
    assert files(folder) == []


def test_a_file_has_its_name_once_it_is_locked(journal, folder, monkeypatch):
    """Else another process would take it for one that a killed process left, and remove it under its writer."""
    seen = []
    lock = FileJournal._create.__globals__["fcntl"].flock

    def look(file, operation):
        seen.append([path.name for path in files(folder)])
        lock(file, operation)

    monkeypatch.setattr("fcntl.flock", look)
    journal.append([request_of(1)])
    assert seen
    assert not any(seen)
    assert len(files(folder)) == 1


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    journal = FileJournal(tmp_path / "file" / "journal")
    with pytest.raises(StoreUnavailable, match=r"^the journal \S+ cannot be written: Not a directory$"):
        journal.append([request_of(1)])


@pytest.fixture
def small_disk():
    """Limits the size of this process's files to so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_refuses_and_removes_a_partial_request(journal, folder, small_disk):
    journal.append([request_of(1)])
    small_disk(2000)
    with pytest.raises(StoreUnavailable, match="cannot be written: File too large"):
        journal.append([request_of(*range(10, 60))])
    small_disk(resource.RLIM_INFINITY)
    journal.append([request_of(2)])
    assert sorted(drained(journal)) == [1, 2]
    assert files(folder, "") == []


def test_a_check_reports_of_a_full_disk(journal, small_disk):
    small_disk(100)
    with pytest.raises(StoreUnavailable, match="cannot be written: File too large"):
        journal.check()
    small_disk(resource.RLIM_INFINITY)
    journal.check()


def test_requests_put_aside_are_not_drained(journal, folder):
    journal.append([request_of(1)])
    journal.put_aside([request_of(2)])
    journal.put_aside([request_of(3)])
    assert drained(journal) == [1]
    [path] = files(folder, ".damaged")
    assert len(path.read_bytes().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_held_requests_are_removed_once_all_is_done(journal, folder):
    with journal.holding() as held:
        held.add(request_of(1, 2))
        held.complete()
        assert drained(FileJournal(folder)) == []  # another process lets them alone meanwhile
        assert len(files(folder)) == 1
    assert list(folder.iterdir()) == []


def test_held_requests_that_are_complete_are_drained_after_a_failure(journal):
    left_held(journal, request_of(1, 2), request_of(3))
    assert drained(journal) == [1, 2, 3]


def test_held_requests_that_are_incomplete_were_never_there(journal, folder):
    left_held(journal, request_of(1, 2), complete=False)
    assert list(folder.iterdir()) == []


def test_what_a_killed_process_was_writing_is_counted_and_removed(journal, folder):
    folder.mkdir()
    (folder / ("0" * 32)).write_bytes(b"half a li")
    assert journal.backlog().files == 1  # it may hold records of somebody who is to be forgotten
    with FileJournal(folder).holding() as held:
        held.add(request_of(1))
        assert drained(journal) == []
        assert len(list(folder.iterdir())) == 1  # a living process writes to that one
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_holds_nothing(folder):
    folder.write_text("a file")
    with pytest.raises(StoreUnavailable, match="cannot be written"), FileJournal(folder).holding():
        pytest.fail("it holds nothing")


def test_a_folder_that_is_not_synced_leaves_no_file_that_was_not_reported(folder, monkeypatch):
    def fail(_folder):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal_module, "sync", fail)
    with pytest.raises(StoreUnavailable):
        left_held(FileJournal(folder), request_of(1))
    assert [path.suffix for path in folder.iterdir()] == [".journal"]  # complete: it is drained


def test_a_file_that_is_drained_while_the_backlog_is_measured_is_not_counted(tmp_path):
    journal = FileJournal(tmp_path)
    (tmp_path / "drained.journal").symlink_to(tmp_path / "gone")  # listed, and not there when it is looked at
    (tmp_path / "waiting.journal").write_bytes(b"12345")
    assert journal.backlog()[:2] == (1, 5)
