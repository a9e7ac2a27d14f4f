"""The targets for serving, and whether the measurements meet them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.serving.in_process import MARGINS, REASONS, XGBOOST
from benchmarks.serving.in_process import OURS as OUR_ENGINE
from benchmarks.serving.measure import BATCH_RECORDS, COLD, WARM
from benchmarks.serving.results import AFTER_LOAD, WHEN_READY, Loaded, Results
from benchmarks.serving.summary import failures, p50, p99, ratio_to, summarised
from benchmarks.serving.targets import DECIDE, DECIDE_SQLITE, EMPTY, SCORE, SCORE_POSTGRES, SCORE_SQLITE, Scenario

CONNECTIONS, RECORDS = 32, 1
"""Where requests a second are compared."""
MEGABYTE = 1e6
OURS = {
    SCORE: "`/fraud_detection`",
    DECIDE: "`/v1/decisions` with reasons",
    SCORE_SQLITE: "`/fraud_detection` stored in SQLite",
    DECIDE_SQLITE: "`/v1/decisions` with reasons, stored in SQLite",
    SCORE_POSTGRES: "`/fraud_detection` stored in PostgreSQL",
}
MLSERVER, PANDAS = "mlserver", "pandas"
OTHERS = {EMPTY: "the empty application", MLSERVER: "MLServer, which stores nothing", PANDAS: "the pandas handler"}
RATES: Mapping[str, Mapping[str, float]] = {
    SCORE: {EMPTY: 0.8, MLSERVER: 25, PANDAS: 25},
    DECIDE: {EMPTY: 0.45, MLSERVER: 5},
    SCORE_SQLITE: {EMPTY: 0.45, MLSERVER: 8},
    DECIDE_SQLITE: {EMPTY: 0.25},
    SCORE_POSTGRES: {EMPTY: 0.25},
}
"""Requests a second, at least so many times those of another."""

ALONE_MS = {SCORE: 40, DECIDE: 300, SCORE_SQLITE: 150, DECIDE_SQLITE: 600}
"""Milliseconds for BATCH_RECORDS records of a single caller, at most."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target: what is required, what was measured (None if nothing was), and whether it is met."""

    subject: str
    required: str
    measured: float | None
    unit: str
    met: bool | None


def verdicts(results: Results) -> list[Verdict]:
    """Every target, in the order of the page."""
    return [*_rates(results), *_delays(results), *_in_process(results), *_process(results)]


def _at_least(subject: str, bound: float, measured: float | None, unit: str) -> Verdict:
    met = None if measured is None else measured >= bound
    return Verdict(subject, f"at least {bound:g}{unit}", measured, unit, met)


def _at_most(subject: str, bound: float, measured: float | None, unit: str) -> Verdict:
    met = None if measured is None else measured <= bound
    return Verdict(subject, f"at most {bound:g}{unit}" if bound else "none", measured, unit, met)


def _rates(results: Results) -> Iterator[Verdict]:
    for target, bounds in RATES.items():
        for other, bound in bounds.items():
            yield _rate(results, target, other, bound, Scenario(CONNECTIONS, RECORDS))
    yield _rate(results, SCORE, MLSERVER, 1.2, Scenario(4, BATCH_RECORDS))


def _rate(results: Results, target: str, other: str, bound: float, scenario: Scenario) -> Verdict:
    loaded = results.loaded(target, scenario.connections, scenario.records)
    records = "" if scenario.records == RECORDS else f", {scenario.records:,} records"
    subject = f"{OURS[target]}{records}: requests/s compared with {OTHERS[other]}"
    return _at_least(subject, bound, None if loaded is None else ratio_to(results, loaded, other), " times")


def _delays(results: Results) -> Iterator[Verdict]:
    for connections in (32, 128):
        loaded = results.loaded(SCORE, connections, RECORDS)
        subject = f"`/fraud_detection`, {connections} connections: p99 compared with p50"
        yield _at_most(subject, 3, None if loaded is None else _tail(loaded), " times")
    for target, bound in ALONE_MS.items():
        alone = results.loaded(target, 1, BATCH_RECORDS)
        measured = None if alone is None else summarised(alone.rounds, p50).median
        yield _at_most(f"{OURS[target]}: p50 of {BATCH_RECORDS:,} records of a single caller", bound, measured, " ms")
    for target, stored in ((SCORE, "nothing stored"), (SCORE_SQLITE, "stored in SQLite")):
        beside = next((one for one in results.neighbours if one.target == target), None)
        singles = None if beside is None else summarised(beside.singles, p99).median
        subject = f"p99 of single records while a caller sends batches of {BATCH_RECORDS:,}, {stored}"
        yield _at_most(subject, 25, singles, " ms")
    failed = sum(failures(one.rounds) for one in results.loads if one.target in OURS)
    yield _at_most("failed requests of this product", 0, failed if results.loads else None, "")


def _tail(loaded: Loaded) -> float | None:
    if any(not load.p50_ms for load in loaded.rounds):
        return None
    return median(p99(load) / p50(load) for load in loaded.rounds)


def _in_process(results: Results) -> Iterator[Verdict]:
    ours = partial(_us_per_row, results, engine=OUR_ENGINE)
    theirs = partial(_us_per_row, results, engine=XGBOOST)
    yield _at_most("margin of one row, in process", 10, ours(MARGINS, 1), " µs")
    yield _at_least(
        "speed of one row's reasons compared with `pred_contribs`", 10, _faster(ours, theirs, REASONS, 1), " times"
    )
    faster = _faster(ours, theirs, MARGINS, 10_000)
    yield _at_least(
        "speed of the margins of 10,000 rows compared with `inplace_predict` on one thread", 1, faster, " times"
    )


def _us_per_row(results: Results, task: str, rows: int, *, engine: str) -> float | None:
    timing = results.timing(task, engine, rows)
    return None if timing is None else median(timing.us_per_row)


def _faster(
    ours: Callable[[str, int], float | None], theirs: Callable[[str, int], float | None], task: str, rows: int
) -> float | None:
    mine, other = ours(task, rows), theirs(task, rows)
    return None if mine is None or other is None else other / mine


def _process(results: Results) -> Iterator[Verdict]:
    for name, bound in ((WARM, 3), (COLD, 15)):
        seconds = [second for one in results.starts if one.server == name for second in one.seconds]
        yield _at_most(f"seconds from start to ready: {name}", bound, median(seconds) if seconds else None, " s")
    for when in (WHEN_READY, AFTER_LOAD):
        sizes = _rss(results, when)
        yield _at_most(f"resident memory of a worker, {when}", 250, max(sizes) / MEGABYTE if sizes else None, " MB")


def _rss(results: Results, when: str) -> Sequence[int]:
    return [one.rss_bytes[0] for one in results.memories if (one.server, one.when) == ("product", when)]
