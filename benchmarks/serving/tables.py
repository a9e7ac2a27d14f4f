"""Results as Markdown tables."""

from collections.abc import Iterable, Sequence

from benchmarks.serving.in_process import ENGINES, ROWS
from benchmarks.serving.measure import COLD, WARM
from benchmarks.serving.requirements import MEGABYTE, Verdict, verdicts
from benchmarks.serving.results import Loaded, Results
from benchmarks.serving.summary import Summary, failures, p50, p99, processor, rate, ratio_to, summarised
from benchmarks.serving.targets import EMPTY, TARGETS, Scenario

NOT_MEASURED = "not measured"
SERVER_LABELS = {
    "empty": "empty ASGI application",
    "product": "this product",
    "pandas": "FastAPI, pandas",
    "mlserver": "MLServer",
    "bentoml": "BentoML",
    "mlflow": "MLflow",
    "product-2-workers": "this product, 2 workers",
    "product-sqlite": "this product, storing in SQLite",
    "product-postgres": "this product, storing in PostgreSQL, with PostgreSQL's processes",
    "product-2-workers-sqlite": "this product, 2 workers, storing in SQLite",
    COLD: "this product, first start (compiles its loops)",
    WARM: "this product, later starts",
}
MET = {True: "met", False: "**not met**", None: NOT_MEASURED}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown of rows, figures to the right of the first column."""
    marks = ["---", *["---:"] * (len(headings) - 1)]
    return "".join("| " + " | ".join(row) + " |\n" for row in (headings, marks, *rows))


def requirements_table(results: Results) -> str:
    """The targets, and what was measured."""
    rows = [(verdict.subject, verdict.required, _measured(verdict), MET[verdict.met]) for verdict in verdicts(results)]
    return table(("", "target", "measured", ""), rows)


def load_table(results: Results, scenario: Scenario) -> str:
    """Every target in a scenario, and those that could not be measured."""
    rows = []
    for target in TARGETS.values():
        loaded = results.loaded(target.name, scenario.connections, scenario.records)
        if loaded is not None:
            rows.append([target.label, *_load_figures(results, loaded)])
        elif target.name in results.absent and scenario in target.scenarios:
            rows.append([target.label, f"{NOT_MEASURED}: {results.absent[target.name]}", "", "", "", "", ""])
    headings = ("", "requests/s", "p50, ms", "p99, ms", "processor, µs an answer", "of the empty application", "failed")
    return table(headings, rows)


def neighbour_table(results: Results) -> str:
    """Delays of single records beside large batches."""
    rows = [
        [
            TARGETS[one.target].label,
            spread(summarised(one.singles, p50)),
            spread(summarised(one.singles, p99)),
            spread(summarised(one.singles, rate)),
            spread(summarised(one.batches, rate)),
            f"{failures(one.singles) + failures(one.batches):,}",
        ]
        for one in results.neighbours
    ]
    return table(("", "p50, ms", "p99, ms", "single records/s", "batches/s", "failed"), rows)


def process_table(results: Results) -> str:
    """Start and memory of each server."""
    starts = {one.server: spread(Summary.of(one.seconds)) for one in results.starts}
    sizes: dict[str, dict[str, list[int]]] = {}
    shared: dict[str, int] = {}
    for one in results.memories:  # those of repeated starts: the last counts
        sizes.setdefault(one.server, {})[one.when] = one.rss_bytes
        shared[one.server] = sum(one.pss_bytes)
    idle = {one.server: f"{100 * one.share:.1f} %" for one in results.idles}
    rows = [
        [
            label,
            starts.get(name, ""),
            *(_megabytes(sizes.get(name, {}).get(when, [])) for when in ("when ready", "after the load")),
            f"{shared[name] / MEGABYTE:,.0f}" if name in shared else "",
            idle.get(name, ""),
        ]
        for name, label in SERVER_LABELS.items()
        if name in sizes or name in starts
    ]
    headings = (
        "",
        "ready after, s",
        "RSS when ready, MB",
        "RSS after the load, MB",
        "PSS of all, MB",
        "idle, of a core",
    )
    return table(headings, rows)


def timing_table(results: Results, task: str) -> str:
    """Microseconds a row by engine and number of rows."""
    sizes = ROWS[task]
    measured = {timing.engine for timing in results.timings if timing.task == task}
    rows = []
    for engine in [engine for engine in ENGINES if engine in measured]:
        timings = [results.timing(task, engine, count) for count in sizes]
        figures = [spread(Summary.of(timing.us_per_row)) if timing else "" for timing in timings]
        rows.append([engine, *figures])
    return table(("", *(f"{count:,} {'row' if count == 1 else 'rows'}" for count in sizes)), rows)


def spread(summary: Summary) -> str:
    """The median, and in brackets the extremes.

    >>> spread(Summary(1234.6, 0.123, 20000.0))
    '1,235 (0.12 to 20,000)'
    """
    middle, least, most = (figure(number) for number in (summary.median, summary.least, summary.most))
    return middle if least == most else f"{middle} ({least} to {most})"


def figure(number: float) -> str:
    """Three digits, or all before the point.

    >>> figure(12345.6), figure(12.34), figure(0.0812), figure(0)
    ('12,346', '12.3', '0.081', '0')
    """
    decimals = next((count for count, bound in enumerate((100, 10, 0.1)) if number >= bound), 3)
    return f"{number:,.{decimals}f}" if number else "0"


def _load_figures(results: Results, loaded: Loaded) -> list[str]:
    failed = failures(loaded.rounds)
    if not failed and not any(map(rate, loaded.rounds)):
        return ["no answer within the time of a measurement", "", "", "", "", "0"]
    share = None if loaded.target == EMPTY else ratio_to(results, loaded)
    return [
        *(spread(summarised(loaded.rounds, of)) for of in (rate, p50, p99, processor)),
        "" if share is None else figure(share),
        f"**{failed:,}**" if failed else "0",
    ]


def _megabytes(sizes: Sequence[int]) -> str:
    return " + ".join(f"{size / MEGABYTE:,.0f}" for size in sizes)


def _measured(verdict: Verdict) -> str:
    return NOT_MEASURED if verdict.measured is None else f"{figure(verdict.measured)}{verdict.unit}"
