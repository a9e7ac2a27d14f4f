"""All servers of a run: installed, started, checked to answer what the booster answers, and kept stopped until asked."""

import http.client
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from time import monotonic, sleep

from benchmarks.serving.environments import NotMeasured, install, stated_versions
from benchmarks.serving.memory import measure_memory
from benchmarks.serving.model import BenchmarkModel
from benchmarks.serving.pins import ENVIRONMENTS, product_environment
from benchmarks.serving.processes import Running, ask, free_ports, start
from benchmarks.serving.results import Idle, Results, Started
from benchmarks.serving.servers import SERVERS, Place, Server
from benchmarks.serving.targets import Target

CHECKED_ROWS = 20
TOLERANCE = 1e-5
IDLE_SECONDS = 2.0
LOOK_SECONDS, DRAIN_SECONDS = 0.2, 30.0
IDLE_SHARE = 0.2
"""Of a core. A server works on for callers who have gone; it is stopped, and asked again, when it is done with that."""


@dataclass
class Fleet:
    """Running servers by name, and where what is found of them goes."""

    model: BenchmarkModel
    folder: Path
    results: Results
    say: Callable[[str], None]
    running: dict[str, Running] = field(default_factory=dict)

    def start(self, targets: Sequence[Target]) -> list[Target]:
        """Start what the targets need and check each; the ones that can be measured. The others are noted as absent."""
        return [target for target in targets if self._usable(target)]

    def url(self, target: Target) -> str:
        port = self.running[target.server].port
        return f"http://127.0.0.1:{port}{target.path}"

    def body(self, target: Target, records: int) -> Path:
        """The file that a target is sent, made once."""
        path = self.folder / "bodies" / f"{target.name}-{records}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(target.body(self.model, records))
        return path

    @contextmanager
    def awake(self, target: Target) -> Iterator[None]:
        """The target's server runs meanwhile, and no other does."""
        running = self.running[target.server]
        running.resume()
        try:
            yield
        finally:
            drain(running)
            running.pause()

    def measure_memory(self, when: str) -> None:
        for running in self.running.values():
            self.results.memories.append(measure_memory(running, when))

    def stop(self) -> None:
        for running in self.running.values():
            running.stop()

    def _usable(self, target: Target) -> bool:
        try:
            self._run(SERVERS[target.server])
            with self.awake(target):
                check_answers(self.running[target.server].port, target, self.model)
        except NotMeasured as reason:
            self.results.absent[target.name] = str(reason)
            self.say(f"{target.name}: not measured: {reason}")
            return False
        self.say(f"{target.name}: answers as it should")
        return True

    def _run(self, server: Server) -> None:
        if server.name in self.running:
            return
        place = self.place(server)
        running = start(server, place, self._compiled(server))
        self.running[server.name] = running
        self.say(f"{server.name}: ready after {running.ready_seconds:.1f} s")
        self.results.idles.append(Idle(server.name, _share(running, IDLE_SECONDS)))
        self.results.starts.append(Started(server.name, [running.ready_seconds]))

    def _compiled(self, server: Server) -> Path:
        """Where compiled loops are kept; by a start before, for compiling takes memory that a server then keeps."""
        folder = self.folder / "numba"
        if server.name == "product":
            start(server, self.place(server), folder).stop()
        return folder

    def place(self, server: Server) -> Place:
        """Where to start it. Raises NotMeasured where its environment cannot be made."""
        environment = product_environment() if server.environment == "product" else ENVIRONMENTS[server.environment]
        python = install(environment, self.folder / "environments", self.say)
        if environment.name not in self.results.versions:
            self.results.versions[environment.name] = stated_versions(python, environment.stated)
        return Place(python, self.model, self.folder / "servers" / server.name, free_ports())


def drain(running: Running) -> None:
    """Wait until the server does nothing, for DRAIN_SECONDS at most."""
    deadline = monotonic() + DRAIN_SECONDS
    while _share(running, LOOK_SECONDS) > IDLE_SHARE and monotonic() < deadline:
        pass


def _share(running: Running, seconds: float) -> float:
    """What it takes of a core in so many seconds from now."""
    before = running.processor_seconds()
    sleep(seconds)
    return (running.processor_seconds() - before) / seconds


def check_answers(port: int, target: Target, model: BenchmarkModel) -> None:
    """Raise NotMeasured where a target does not answer the probabilities that its model gives for the same records."""
    status, answer = _asked(port, target, model)
    if status == HTTPStatus.NOT_FOUND:
        raise NotMeasured("its server has no such route (404)")
    if status != HTTPStatus.OK:
        raise NotMeasured(f"its server answers {status}")
    if target.read is None:
        return
    wanted = model.fraud_probabilities if target.calibrated else model.booster_probabilities
    try:
        found = target.read(json.loads(answer))
    except (ValueError, LookupError, TypeError):
        raise NotMeasured("its answer is not of the form that was expected") from None
    if not same(found, wanted(CHECKED_ROWS)):
        raise NotMeasured(f"its answers differ by more than {TOLERANCE}")


def same(found: Sequence[float], wanted: Sequence[float]) -> bool:
    """Whether two lists of probabilities agree within TOLERANCE.

    >>> same([0.5, 0.25], [0.5, 0.250001]), same([0.5], [0.5, 0.5])
    (True, False)
    """
    return len(found) == len(wanted) and all(
        math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE) for one, other in zip(found, wanted, strict=True)
    )


def _asked(port: int, target: Target, model: BenchmarkModel) -> tuple[int, bytes]:
    try:
        return ask(port, "POST", target.path, target.body(model, CHECKED_ROWS))
    except (OSError, http.client.HTTPException) as error:
        raise NotMeasured(f"its server does not answer ({type(error).__name__})") from error
