"""Processes are started, stopped in between and ended with all that they started."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.serving import processes
from benchmarks.serving.environments import NotMeasured
from benchmarks.serving.fleet import drain
from benchmarks.serving.memory import measure_memory, parse_rollup
from benchmarks.serving.servers import Place, Server
from support.polling import eventually

CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'http.server', '--bind', *sys.argv[1:]])"


@contextmanager
def running(folder: Path):
    """A server that is the child of a process that only waits for it."""
    place = Place(Path(sys.executable), None, folder, processes.free_ports())
    child = Server("files", "none", "/", lambda place: [str(place.python), "-c", CHILD, "127.0.0.1", str(place.port)])
    found = processes.start(child, place, folder)
    try:
        yield found
    finally:
        found.stop()


def states(pids):
    return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids}


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells of processes in /proc")
def test_a_server_is_stopped_woken_and_ended_with_its_child(tmp_path):
    with running(tmp_path) as server:
        pids = server.pids()
        assert len(pids) == 2
        drain(server)
        server.pause()
        eventually(lambda: states(pids) == {"T"}, "both are stopped")
        server.resume()
        eventually(lambda: processes.ask(server.port, "GET", "/")[0] == 200, "it answers again")
        memory = measure_memory(server, "now")
        assert len(memory.rss_bytes) == 2
        assert memory.rss_bytes[0] >= memory.rss_bytes[1] > memory.pss_bytes[1] > 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids[:1])


def test_a_server_that_ends_instead_of_listening_is_not_measured(tmp_path):
    place = Place(Path(sys.executable), None, tmp_path, processes.free_ports())
    failing = Server("failing", "none", "/", lambda place: [str(place.python), "-c", "raise SystemExit(3)"])
    with pytest.raises(NotMeasured, match="ended with status 3"):
        processes.start(failing, place, tmp_path)


def test_a_model_that_cannot_be_prepared_is_said(tmp_path):
    place = Place(Path(sys.executable), None, tmp_path, processes.free_ports())
    unprepared = Server(
        "unprepared",
        "none",
        "/",
        lambda _place: [],
        preparation=lambda place: [[str(place.python), "-c", "raise SystemExit(1)"]],
    )
    with pytest.raises(NotMeasured, match="could not be prepared"):
        processes.start(unprepared, place, tmp_path)


def test_memory_is_read_in_bytes():
    text = "00400000-7fff [rollup]\nRss:     2048 kB\nPss:     1000 kB\nPss_Dirty: 10 kB\n"
    assert parse_rollup(text) == (2048 * 1024, 1000 * 1024)
