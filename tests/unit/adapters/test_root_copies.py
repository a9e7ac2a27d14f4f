"""A file of roots has whole lines, whatever happens while they are appended."""

import os
import resource

import pytest

from fraud_detection_api.adapters.root_copies import RootFile
from fraud_detection_api.decision.log import LogKey, LogState
from fraud_detection_api.decision.merkle import Tree
from fraud_detection_api.errors import InvalidEvidence

ROOTS = [LogKey(b"k").signed(LogState("log", 0, Tree().with_leaves([b"1" * 32] * size)), size) for size in (1, 2, 3)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "roots.jsonl"


def test_what_was_appended_is_read(path):
    for root in ROOTS:
        RootFile(path).append([root])
    assert RootFile(path).read() == ROOTS


def test_a_full_disk_leaves_the_file_as_it_was(path):
    RootFile(path).append(ROOTS[:1])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        with pytest.raises(InvalidEvidence, match="cannot be written"):
            RootFile(path).append(ROOTS[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert RootFile(path).read() == ROOTS[:1]


def test_a_line_that_a_crash_cut_off_spoils_no_other(path):
    path.write_bytes(b'{"log_id"')
    RootFile(path).append(ROOTS)
    with pytest.raises(InvalidEvidence, match="line 1: "):
        RootFile(path).read()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    assert RootFile(path).read() == ROOTS


def test_a_pipe_is_refused_and_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(InvalidEvidence, match="cannot be written"):
        RootFile(path).append(ROOTS)
