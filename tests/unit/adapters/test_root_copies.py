"""A file of roots has whole lines, whatever happens while they are appended."""

import os
import resource
import socket
import threading

import pytest

from fraud_detection_api.adapters.root_copies import RootFile, posted_to
from fraud_detection_api.container import storage
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


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 204 Yes\r\n\r\n"])
def test_an_address_takes_a_root_or_the_call_says_that_it_does_not(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        post = posted_to(f"http://127.0.0.1:{server.getsockname()[1]}/roots")
        if b"204" in answer:
            post(ROOTS[0])
        else:
            with pytest.raises(InvalidEvidence, match="FRAUD_LOG_ROOTS"):
                post(ROOTS[0])
        thread.join()


def test_a_place_that_hangs_holds_nobody_for_long(tmp_path, monkeypatch):
    may_end = threading.Event()
    monkeypatch.setattr(RootFile, "append", lambda *_: may_end.wait(20))
    monkeypatch.setattr(storage, "WEB_SECONDS", -0.95)
    copy = storage.build_root_copy(str(tmp_path / "roots.jsonl"))
    with pytest.raises(InvalidEvidence, match="did not take a root"):
        copy(ROOTS[0])
    may_end.set()


def test_a_pipe_is_refused_and_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(InvalidEvidence, match="cannot be written"):
        RootFile(path).append(ROOTS)
