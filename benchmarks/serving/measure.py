"""Measurements of running servers: the load in rounds, neighbours of large batches, starts from cold and warm."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import sleep

from benchmarks.serving.fleet import Fleet
from benchmarks.serving.memory import measure_memory
from benchmarks.serving.processes import Running, start
from benchmarks.serving.results import WHEN_READY, Load, Loaded, Neighbour, Started
from benchmarks.serving.servers import SERVERS
from benchmarks.serving.targets import EMPTY, Scenario, Target
from benchmarks.serving.wrk import Ask, finish_wrk, run_wrk, start_wrk

WARM_UP_SECONDS = 2
NEIGHBOUR = Scenario(connections=4, records=1)
BATCH_RECORDS = 10_000
BATCH_SECONDS = 2
"""Times as long are large batches measured: few of them are answered."""
LEAD_SECONDS = 0.5
COLD, WARM = "product, cold", "product, warm"


@dataclass(frozen=True)
class Effort:
    """How often and for how long."""

    rounds: int
    seconds: int
    starts: int


def measure_loads(fleet: Fleet, targets: Sequence[Target], scenarios: Sequence[Scenario], effort: Effort) -> None:
    """Every target in every scenario, once a round, in turns: what drifts, drifts for all."""
    found: dict[tuple[str, Scenario], list[Load]] = {}
    for number in range(1, effort.rounds + 1):
        for scenario in scenarios:
            for target in targets:
                if scenario in target.scenarios:
                    load = _loaded(fleet, target, scenario, effort.seconds)
                    found.setdefault((target.name, scenario), []).append(load)
                    fleet.say(f"round {number} of {effort.rounds}: {_told(target, scenario, load)}")
    fleet.results.loads.extend(
        Loaded(name, scenario.connections, scenario.records, loads) for (name, scenario), loads in found.items()
    )


def measure_neighbours(fleet: Fleet, targets: Sequence[Target], effort: Effort) -> None:
    """Single records beside one caller's large batches, once a round."""
    able = [t for t in targets if t.name != EMPTY and any(s.records == BATCH_RECORDS for s in t.scenarios)]
    found: dict[str, list[tuple[Load, Load]]] = {target.name: [] for target in able}
    for number in range(1, effort.rounds + 1):
        for target in able:
            pair = _neighbour(fleet, target, effort.seconds)
            found[target.name].append(pair)
            fleet.say(f"round {number} of {effort.rounds}, beside batches: {_told(target, NEIGHBOUR, pair[0])}")
    fleet.results.neighbours.extend(
        Neighbour(name, NEIGHBOUR.connections, BATCH_RECORDS, [one for one, _ in pairs], [other for _, other in pairs])
        for name, pairs in found.items()
    )


def measure_starts(fleet: Fleet, effort: Effort) -> None:
    """Seconds until the product can score: with nothing compiled before, and with what that start has left.

    Raises NotMeasured where it does not start at all: a run without the product tells nothing.
    """
    cold: list[float] = []
    warm: list[float] = []
    for number in range(1, effort.starts + 1):
        with tempfile.TemporaryDirectory(dir=fleet.folder) as kept:
            for name, found in ((COLD, cold), (WARM, warm)):
                found.append(_ready_seconds(fleet, name, Path(kept)))
        fleet.say(f"start {number} of {effort.starts}: cold {cold[-1]:.1f} s, warm {warm[-1]:.1f} s")
    fleet.results.starts.extend([Started(COLD, cold), Started(WARM, warm)])


def _ready_seconds(fleet: Fleet, name: str, compiled: Path) -> float:
    server = SERVERS["product"]
    running = start(server, fleet.place(server), compiled)
    try:
        fleet.results.memories.append(replace(measure_memory(running, WHEN_READY), server=name))
    finally:
        running.stop()
    return running.ready_seconds


def _loaded(fleet: Fleet, target: Target, scenario: Scenario, seconds: int) -> Load:
    ask = _ask(fleet, target, scenario)
    seconds *= BATCH_SECONDS if scenario.records == BATCH_RECORDS else 1
    with fleet.awake(target):
        return _measured(lambda: _warmed_up(ask, seconds, fleet.running[target.server]))


def _warmed_up(ask: Callable[[int], Ask], seconds: int, running: Running) -> Load:
    run_wrk(ask(WARM_UP_SECONDS))
    before = running.processor_seconds()
    load = run_wrk(ask(seconds))
    answers = load.requests_per_second * seconds
    used = running.processor_seconds() - before
    return replace(load, processor_us=used / answers * 1e6) if answers else load


def _neighbour(fleet: Fleet, target: Target, seconds: int) -> tuple[Load, Load]:
    single, batch = (_ask(fleet, target, scenario) for scenario in (NEIGHBOUR, Scenario(1, BATCH_RECORDS)))
    with fleet.awake(target):
        run_wrk(single(WARM_UP_SECONDS))
        batches = start_wrk(batch(seconds + 2))  # from before the first single record until after the last
        sleep(LEAD_SECONDS)
        singles = _measured(lambda: run_wrk(single(seconds)))
        return singles, _measured(lambda: finish_wrk(batches))


def _measured(measurement: Callable[[], Load]) -> Load:
    """The measurement; one that wrk could not make counts as failed."""
    try:
        return measurement()
    except ValueError:
        return Load(0.0, 0.0, 0.0, failed=1)


def _ask(fleet: Fleet, target: Target, scenario: Scenario) -> Callable[[int], Ask]:
    url, body = fleet.url(target), fleet.body(target, scenario.records)
    return lambda seconds: Ask(url, body, scenario.connections, seconds)


def _told(target: Target, scenario: Scenario, load: Load) -> str:
    failed = f", {load.failed} failed" if load.failed else ""
    return (
        f"{target.name}, {scenario.connections} connections, {scenario.records:,} records: "
        f"{load.requests_per_second:,.0f}/s, p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms{failed}"
    )
