"""Mixed load, and a fault every few seconds; then what was answered beside what is kept, replayed and observed."""

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from drills.crash.callers import Load
from drills.crash.comparison import kept_rows
from drills.crash.scenarios import JOURNALING
from drills.crash.service import Service
from drills.crash.verdict import Verdict, Watch
from drills.soak.faults import FAULTS, Fault, clock_jumper, clock_that_jumps
from drills.soak.levels import Level, level
from drills.soak.readers import Reader
from fraud_detection_api.adapters.file_registry import FileRegistry
from fraud_detection_api.container.storage import open_stores
from support.builders import credit_files, other_credit_files
from support.load import Load as AtWork
from support.servers import run_fraud

CALLERS, READERS = 5, 2
LONGEST_REST_SECONDS = 2.0
SLOT_SECONDS = 300
OBSERVED_WITHIN_SECONDS = 30


@dataclass
class Soaked:
    """What was found. `replayed` counts the statuses of all decisions' replays."""

    verdict: Verdict
    injected: Counter[str]
    readers: list[Reader]
    levels: list[Level]
    longest_recovery_seconds: float
    replayed: dict[str, int]
    unobserved: int
    jumps: bool

    @property
    def faults(self) -> list[str]:
        """All that callers and readers saw, and all that is kept otherwise than it was answered."""
        return [*self.verdict.faults, *(fault for reader in self.readers for fault in reader.faults)]


@dataclass
class _Course:
    """A soak under way."""

    service: Service
    watch: Watch
    folder: Path
    draw: random.Random
    injected: Counter[str] = field(default_factory=Counter)
    levels: list[Level] = field(default_factory=list)
    longest: float = 0.0

    def run(self, faults: dict[str, Fault], until: float) -> None:
        names = list(faults)
        while time.monotonic() < until:
            self.levels.append(level(self.service, self.folder))
            time.sleep(self.draw.uniform(0, LONGEST_REST_SECONDS))
            if not names:  # each comes once before one comes again
                names = list(faults)
            name = names.pop(self.draw.randrange(len(names)))
            faults[name](self.service, self.draw)
            self.injected[name] += 1
            over = time.monotonic()
            self.watch.goes_on()
            self.longest = max(self.longest, time.monotonic() - over)


def soak(folder: Path, *, seconds: float, seed: int) -> Soaked:
    """Run for about so long; what is drawn follows from the seed, and when it happens from the machine."""
    registry = FileRegistry(folder / "registry")
    registry.assign("champion", registry.register(credit_files()))
    registry.register(other_credit_files())
    clock = clock_that_jumps(folder)
    given = {"FRAUD_WORKERS": "2", "FRAUD_OBSERVER": "true", "FRAUD_SEAL_KEY": "a key for the seals of the soak"}
    kept = folder / "kept"
    kept.mkdir()
    environment = {**JOURNALING, **given, "FRAUD_JOURNAL": str(kept / "journal")}
    service = Service(registry.root, kept, **environment, **({} if clock is None else clock.environment()))
    faults = FAULTS if clock is None else {**FAULTS, "clock jumped": clock_jumper(clock)}
    with service.until_the_end():
        service.start()
        with Load(service.address, clients=CALLERS, seed=seed) as load:
            readers = [Reader(service.address, load.callers, seed + number) for number in range(READERS)]
            course = _Course(service, Watch(service, load), kept, random.Random(seed))
            course.watch.goes_on()
            with AtWork(readers, end_seconds=60):
                course.run(faults, time.monotonic() + seconds)
        verdict = course.watch.verdict(kills=service.kills)
        unobserved = _unobserved(service)
    replayed = _replayed(service, registry.root, environment)
    return Soaked(
        verdict, course.injected, readers, course.levels, course.longest, replayed, unobserved, clock is not None
    )


def _unobserved(service: Service) -> int:
    """Decisions of models that are in no slot of the observer's, once it has had time; below 0, it counted some twice."""
    stored = sum(row.source == "model" for row in kept_rows(service.settings))
    until = time.monotonic() + OBSERVED_WITHIN_SECONDS
    while True:
        with open_stores(service.settings) as stores:
            slots = stores.observations.slots(since=0, seconds=SLOT_SECONDS)
        missing = stored - sum(int(slot.counts["rows"]) for slot in slots)
        if missing <= 0 or time.monotonic() > until:
            return missing
        time.sleep(0.5)


def _replayed(service: Service, registry: Path, environment: dict[str, str]) -> dict[str, int]:
    given = {**environment, "FRAUD_STORE": service.store, "FRAUD_REGISTRY": str(registry)}
    done = run_fraud("replay", "--since", "2000-01-01T00:00:00Z", "--json", **given)
    counts: dict[str, int] = json.loads(done.stdout)["counts"]
    return counts
