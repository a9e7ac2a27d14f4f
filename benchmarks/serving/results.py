"""What was measured, as it is kept in JSON; the page is made of this alone."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

WHEN_READY, AFTER_LOAD = "when ready", "after the load"


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement of wrk. `failed` are answers of status 400 and more, broken connections and time-outs.

    `processor_us` is the processor's time of all processes of the server, user and system, in µs for each answer.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    processor_us: float | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A target in a scenario: a measurement a round, in the order of the rounds."""

    target: str
    connections: int
    records: int
    rounds: list[Load]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Callers of single records while another posts large batches: measurements of those and, meanwhile, of that one."""

    target: str
    connections: int
    batch_records: int
    singles: list[Load]
    batches: list[Load]


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of a process until it could score."""

    server: str
    seconds: list[float]


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident and proportional memory in bytes of a server's processes, the largest first, and when that was."""

    server: str
    when: str
    rss_bytes: list[int]
    pss_bytes: list[int]


@dataclass(frozen=True, slots=True)
class Idle:
    """Share of one core that a server took while nobody asked anything of it."""

    server: str
    share: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds a row of a call with so many rows, a repeat each, in turns with the other engines."""

    task: str
    engine: str
    rows: int
    us_per_row: list[float]


@dataclass(frozen=True, slots=True)
class Machine:
    """What it ran on."""

    processor: str
    cores: int
    memory_gib: int
    system: str


@dataclass(frozen=True)
class Results:
    """A run. `versions` are those of each environment; `absent` says why a target was not measured."""

    made_on: str
    machine: Machine
    seconds: float
    columns: int
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    loads: list[Loaded] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    starts: list[Started] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    idles: list[Idle] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def loaded(self, target: str, connections: int, records: int) -> Loaded | None:
        """The measurements of a target in a scenario, if there are any."""
        wanted = (target, connections, records)
        return next((one for one in self.loads if (one.target, one.connections, one.records) == wanted), None)

    def timing(self, task: str, engine: str, rows: int) -> Timing | None:
        """The timings of an engine, if there are any."""
        wanted = (task, engine, rows)
        return next((one for one in self.timings if (one.task, one.engine, one.rows) == wanted), None)


_ADAPTER = TypeAdapter(Results)


def to_json(results: Results) -> bytes:
    """The results for a file."""
    return _ADAPTER.dump_json(results, indent=1) + b"\n"


def from_json(document: bytes) -> Results:
    """The results of a file. Raises pydantic's ValidationError for anything else."""
    return _ADAPTER.validate_json(document)
