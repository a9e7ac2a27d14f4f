"""Results as a page, with a plot beside it."""

from pathlib import Path
from textwrap import fill

from benchmarks.serving.in_process import MARGINS, REASONS
from benchmarks.serving.model import DEPTH, TREES
from benchmarks.serving.plot import draw
from benchmarks.serving.results import Results
from benchmarks.serving.summary import failures
from benchmarks.serving.tables import (
    SERVER_LABELS,
    load_table,
    neighbour_table,
    process_table,
    requirements_table,
    timing_table,
)
from benchmarks.serving.targets import SCENARIOS, STORED, TARGETS, Scenario

COMMAND = "make bench-serving"


def write_page(results: Results, path: Path) -> None:
    """Write the page to `path` and the plot beside it. Raises OSError."""
    plot = path.with_suffix(".svg")
    path.write_text(page(results, plot=plot.name), encoding="utf-8")
    plot.write_text(draw(results), encoding="utf-8")


def page(results: Results, *, plot: str) -> str:
    """The whole page in Markdown."""
    sections = [
        f"# How fast serving is\n\n{_INTRODUCTION}\n\n{_made(results)}\n",
        f"![Requests a second, and milliseconds of an answer]({plot})\n",
        f"## Targets and results\n\n{_TARGETS}\n\n{requirements_table(results)}",
        f"## How it is measured\n\n{_method(results)}",
        *(
            f"## {_heading(scenario)}\n\n{load_table(results, scenario)}{_refusals(results, scenario)}"
            for scenario in _scenarios(results)
        ),
    ]
    if results.neighbours:
        sections.append(f"## Single records beside large batches\n\n{_NEIGHBOURS}\n\n{neighbour_table(results)}")
    if results.starts or results.memories:
        sections.append(f"## Start and memory\n\n{_PROCESSES}\n\n{process_table(results)}")
    if results.timings:
        sections.append(f"## In process\n\n{_timings(results)}")
    sections.append(f"## Versions\n\n{_versions(results)}")
    return "\n".join(sections)


def _made(results: Results) -> str:
    machine = results.machine
    return (
        f"`{COMMAND}` wrote this page on {results.made_on} on {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_gib} GiB, {machine.system}. Do not edit the page; run the command again."
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


def _refusals(results: Results, scenario: Scenario) -> str:
    """A note on rows that count refused requests as speed, if the store refused any."""
    loads = [results.loaded(name, scenario.connections, scenario.records) for name in STORED]
    refused = {one.target: failures(one.rounds) for one in loads if one is not None and failures(one.rounds)}
    if not refused:
        return ""
    rows = " and ".join(f"{count:,} ({TARGETS[name].label})" for name, count in refused.items())
    return "\n" + fill(_REFUSED.format(rows=rows), 116, break_long_words=False, break_on_hyphens=False) + "\n"


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


_INTRODUCTION = """\
This page compares the serving speed of this product with other ways to serve the same model. Use it to size a
deployment, or to see what a change costs. Compare ratios, not absolute figures: those depend on the machine."""

_TARGETS = """\
The project sets itself these targets. Rates are for one record in each request and 32 connections."""

_METHOD = """\
- All servers serve the same model: {trees} trees of depth {depth}, trained by this product on simulated records of
  the `credit` contract. This product receives a caller's records, validates them, computes the {columns} columns of
  the matrix and calibrates the result. The other servers receive computed columns and answer with XGBoost's
  probability.
- Before a measurement, 20 answers of each server are compared with the model's own results. They must agree within
  1e-5.
- Each server has one scoring process (the rows with 2 workers have two), runs with `OMP_NUM_THREADS=1` and logs to
  a file. This product logs a line for each request. The other servers are configured to log none.
- Where a row says "stored", this product commits each decision to disk before it answers: in SQLite (`synchronous`
  FULL, written by a separate process) or in PostgreSQL (default settings, `fsync` on) on the same two cores. The
  other servers store nothing.
- Each server runs in its own environment. The others are pinned releases. This product and the empty application
  run without training libraries. MLServer runs the model in its own process (`parallel_workers` 0), without
  metrics. BentoML runs without metrics and access log. MLflow receives `inputs`, which it answers faster than data
  frames.
- The empty application reads the body and answers with five bytes. It runs on the same uvicorn with the same
  settings as this product, so it is the upper limit of a Python server of this kind.
- `wrk` sends requests from one thread on the same machine over open connections, in {rounds} rounds. In a round,
  each server is measured in turn for {seconds} s after two seconds of warm-up (batches of 10,000: twice as long).
  The other servers are suspended (SIGSTOP) meanwhile.
- A figure is the median of the rounds. Brackets show the lowest and the highest. "Of the empty application" is the
  median of each round's ratio. "Processor" is the time, user and system, that all processes of a server take for an
  answer; other work on the machine changes it less than requests/s. "Failed" counts answers with a status of 400 or
  more, broken connections and time-outs in all rounds.
- `wrk` sends the next request on a connection as soon as the previous answer arrives. Delays are therefore those of
  a server at its limit.

To repeat the measurement, run `{command}` on Linux with [wrk](https://github.com/wg/wrk) installed. `{command}
ARGS=--help` lists the options.
"""

_REFUSED = (
    "**The rows with failed requests show no throughput**: their requests/s and ratios also count refusals, which are fast. "
    "The service refused these requests with status 503, because more records waited than `FRAUD_STORE_QUEUE` allows: "
    "{rows}. With a store, send [at most 1,000 records in a request](../how-to/operations.md#sizing)."
)

_NEIGHBOURS = """\
One caller sends batches of 10,000 records without a pause. Meanwhile 4 connections send one record in each request.
The table shows the delays of those single records."""

_PROCESSES = """\
"Ready after" is the time from the start of the process until it reports that it can score. RSS is the resident
memory of each process. PSS counts shared memory once and is the sum over all processes at the last measurement.
This product is started several times for these figures, the other servers once. "Idle" is the share of one core
that the server uses without requests."""

_IN_PROCESS = """\
One thread calls each library in turn, in bursts of about a tenth of a second. Figures are medians; brackets show
the lowest and the highest. For 4,096 rows and more this product uses all cores, unless it receives pieces of 2,000
rows ("1 thread"). Reasons are exact TreeSHAP values of every column, which XGBoost calls `pred_contribs`."""
