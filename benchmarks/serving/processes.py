"""Server processes: started, waited for, stopped in between, ended; with all that they start themselves. Linux only."""

import http.client
import os
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, perf_counter, sleep

from benchmarks.serving.environments import NotMeasured
from benchmarks.serving.servers import HOST, Place, Server, write_files

START_SECONDS, STOP_SECONDS = 120, 15
POLL_SECONDS = 0.005
LARGEST_LOG_BYTES = 1024 * 1024
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PORTS = 3
"""MLServer wants one each for HTTP, gRPC and metrics."""

THREADS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
"""For all alike: more threads make XGBoost slower on a few rows, and a worker is to be one."""


@dataclass(frozen=True)
class Running:
    """A server that answers. `ready_seconds` went by from the start of its process until then."""

    server: Server
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    ready_seconds: float

    def pids(self) -> list[int]:
        """Its process and all below it."""
        return _tree(self.process.pid)

    def pause(self) -> None:
        """Take it off the processor, so that it costs those nothing who are measured, and its log off the disk."""
        self._signal(signal.SIGSTOP)
        if self.log.stat().st_size > LARGEST_LOG_BYTES:
            os.truncate(self.log, 0)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, and whatever it leaves behind."""
        pids = self.pids()
        self.resume()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def processor_seconds(self) -> float:
        """What its processes have used so far."""
        return processor_seconds_of(self.process.pid)

    def _signal(self, number: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def start(server: Server, place: Place, compiled: Path) -> Running:
    """The server, once it can score. `compiled` is where Numba keeps what it compiled.

    Raises NotMeasured where the server ends first, or is not ready in START_SECONDS.
    """
    write_files(server, place)
    environment = _environment(server, place) | {"NUMBA_CACHE_DIR": str(compiled)}
    log = place.folder / "log.txt"
    for command in server.preparation(place):
        done = subprocess.run(command, env=environment, cwd=place.folder, capture_output=True, check=False)  # noqa: S603 ours
        if done.returncode:
            log.write_bytes(done.stdout + done.stderr)
            raise NotMeasured("its model could not be prepared")
    log.unlink(missing_ok=True)
    with log.open("ab") as output:
        begun = perf_counter()
        process = subprocess.Popen(  # noqa: S603 ours
            server.command(place),
            env=environment,
            cwd=place.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # else the shell's end would wake those that are stopped
        )
    running = Running(server, process, place.port, log, ready_seconds=0.0)
    try:
        _wait(running)
    except BaseException:
        running.stop()
        raise
    return replace(running, ready_seconds=perf_counter() - begun)


def free_ports(count: int = PORTS) -> tuple[int, ...]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = tuple(int(listening.getsockname()[1]) for listening in sockets)
    for listening in sockets:
        listening.close()
    return ports


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of one request. Raises OSError, HTTPException."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _environment(server: Server, place: Place) -> dict[str, str]:
    """One's own, without settings of this product that happen to be there, and without modules from elsewhere."""
    unwanted = ("PYTHONPATH", "PYTHONHOME")
    kept = {n: text for n, text in os.environ.items() if n not in unwanted and not n.startswith("FRAUD_")}
    path = f"{place.python.parent}{os.pathsep}{kept['PATH']}"  # some peers start others by name
    return {**kept, **THREADS, **server.variables(place), "PATH": path}


def _wait(running: Running) -> None:
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline:
        if (status := running.process.poll()) is not None:
            raise NotMeasured(f"its server ended with status {status} instead of listening")
        with suppress(OSError, http.client.HTTPException):
            if ask(running.port, "GET", running.server.ready)[0] == http.HTTPStatus.OK:
                return
        sleep(POLL_SECONDS)
    raise NotMeasured(f"its server was not ready in {START_SECONDS} s")


def processor_seconds_of(root: int) -> float:
    """What a process and all below it have used so far."""
    return sum(_ticks(pid) for pid in _tree(root)) / TICKS_A_SECOND


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields of a process after its name, which may hold blanks: state, parent, … (proc(5))."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return []
