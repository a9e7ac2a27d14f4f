"""Results as a page, with a plot beside it."""

from pathlib import Path

from benchmarks.serving.in_process import MARGINS, REASONS
from benchmarks.serving.model import DEPTH, TREES
from benchmarks.serving.plot import draw
from benchmarks.serving.results import Results
from benchmarks.serving.tables import (
    SERVER_LABELS,
    load_table,
    neighbour_table,
    process_table,
    requirements_table,
    timing_table,
)
from benchmarks.serving.targets import SCENARIOS, Scenario

COMMAND = "make bench-serving"


def write_page(results: Results, path: Path) -> None:
    """Write the page to `path` and the plot beside it. Raises OSError."""
    plot = path.with_suffix(".svg")
    path.write_text(page(results, plot=plot.name), encoding="utf-8")
    plot.write_text(draw(results), encoding="utf-8")


def page(results: Results, *, plot: str) -> str:
    """The whole page in Markdown."""
    sections = [
        f"# How fast serving is\n\n{_made(results)}\n\n![Requests a second, and milliseconds of an answer]({plot})\n",
        f"## DecisionFilter and measured\n\n{requirements_table(results)}",
        f"## How it was measured\n\n{_method(results)}",
        *(f"## {_heading(scenario)}\n\n{load_table(results, scenario)}" for scenario in _scenarios(results)),
    ]
    if results.neighbours:
        sections.append(f"## Beside large batches\n\n{_NEIGHBOURS}\n\n{neighbour_table(results)}")
    if results.starts or results.memories:
        sections.append(f"## Start and memory\n\n{_PROCESSES}\n\n{process_table(results)}")
    if results.timings:
        sections.append(f"## In process\n\n{_timings(results)}")
    sections.append(f"## Versions\n\n{_versions(results)}")
    return "\n".join(sections)


def _made(results: Results) -> str:
    machine = results.machine
    return (
        f"Written by `{COMMAND}` on {results.made_on}; {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_gib} GiB, {machine.system}. Do not edit: run it again."
    )


def _method(results: Results) -> str:
    rounds = max((len(loaded.rounds) for loaded in results.loads), default=0)
    return _METHOD.format(
        trees=TREES,
        depth=DEPTH,
        columns=results.columns,
        rounds=rounds,
        seconds=f"{results.seconds:g}",
        command=COMMAND,
    )


def _scenarios(results: Results) -> list[Scenario]:
    measured = {(loaded.connections, loaded.records) for loaded in results.loads}
    return [scenario for scenario in SCENARIOS if (scenario.connections, scenario.records) in measured]


def _heading(scenario: Scenario) -> str:
    records = "One record" if scenario.records == 1 else f"{scenario.records:,} records"
    connections = "one connection" if scenario.connections == 1 else f"{scenario.connections} connections"
    return f"{records} a request, {connections}"


def _timings(results: Results) -> str:
    absent = f"\nONNX Runtime is not measured: {results.absent['onnx']}.\n" if "onnx" in results.absent else ""
    return (
        f"{_IN_PROCESS}\n\n### Margin, µs a row\n\n{timing_table(results, MARGINS)}{absent}"
        f"\n### Reasons, µs a row\n\n{timing_table(results, REASONS)}"
    )


def _versions(results: Results) -> str:
    labels = {
        **SERVER_LABELS,
        "product": "this product, and the empty application",
        "project": "in process",
        "onnx": "ONNX Runtime, in process",
    }
    return "".join(
        f"- {labels.get(name, name)}: {', '.join(f'{one} {version}' for one, version in stated.items())}\n"
        for name, stated in results.versions.items()
    )


_METHOD = """\
- One model for all: {trees} trees of depth {depth}, trained by this product on simulated records of the `credit`
  contract. This product gets a caller's records, checks them, works out the matrix's {columns} columns and calibrates.
  Its peers get the columns' values, worked out already, and answer XGBoost's probability as it is.
- Before anything is timed, 20 answers of each are compared with what the model gives for the same records: within 1e-5.
- Each server has one process to score with (the row with 2 workers has two), `OMP_NUM_THREADS=1`, and logs to a file;
  this product writes its line for each request, the others were told to write none.
- Where this product keeps its decisions, each is committed to the disk before its answer leaves: in SQLite by a process
  beside it (`synchronous` FULL), or in PostgreSQL as it comes (`fsync` on) on the same two cores. Its peers keep nothing.
- Each runs in an environment of its own: peers in pinned releases, this product and the empty application without what
  only training needs. MLServer runs the model in its own process (`parallel_workers` 0), without metrics; BentoML
  without metrics and access log; MLflow is asked with `inputs`, which it answers faster than data frames.
- The empty application reads the body and answers five bytes, on the same uvicorn with the same settings as this
  product: the ceiling of any Python server of that kind.
- wrk asks, with one thread on the same machine, keeping connections open: {rounds} rounds, all servers in turns within
  a round, each for {seconds} s after two seconds of warming up (batches of 10,000: twice as long). Servers that are not
  being asked are stopped (SIGSTOP) meanwhile.
- A figure is the median of the rounds, in brackets the least and the most of them. “Of the empty application” is the
  median of the rounds' ratios. “Failed” are answers with a status of 400 or more, broken connections and time-outs,
  over all rounds.
- wrk sends a request as soon as the one before it on the same connection is answered, whatever the server does, so
  delays are those of a server at its limit.

`{command}` repeats it, on Linux with [wrk](https://github.com/wg/wrk); `{command} ARGS=--help` says what there is to
choose.
"""

_NEIGHBOURS = """\
One caller posts batches of 10,000 records without a pause; meanwhile 4 connections ask for one record each, and these
are their delays."""

_PROCESSES = """\
From the start of the process until it says that it can score. RSS is resident memory, of each process; PSS counts what
processes share once, and is that of all processes together at the last measurement. This product was started anew to
be timed, the others were started once. “Idle” is the share of one core that is used while nobody asks."""

_IN_PROCESS = """\
One thread calls, in turns, bursts of about a tenth of a second; medians, and in brackets the least and the most. For
4,096 rows and more this product uses all cores, if it is not given them in pieces of 2,000 (“1 thread”). Reasons are
exact TreeSHAP values of every column: XGBoost's are `pred_contribs`."""
