"""The page on tracing: its request against a server with a collector, and what the page says of spans and the log."""

import json
import re
from pathlib import Path

import pytest

from fraud_detection_api.services.tracing.tracer import NOT_BEGUN
from support.collector import collecting
from support.pages import blocks, run_shell
from support.polling import eventually
from support.servers import running_server

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "tracing.md").read_text(encoding="utf-8")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NAMED = re.compile(r"`([^`]+)`")


def first_cells(heading: str) -> list[str]:
    """The names in the first column of the table under that row of headings."""
    rows = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in NAMED.findall(row.split("|")[1])]


@pytest.fixture(scope="module")
def traced(file_registry_path, tmp_path_factory):
    """The collector, after the page's request was answered; and the request's log line."""
    folder = tmp_path_factory.mktemp("page")
    with collecting() as collector:
        log = folder / "server.log"
        with running_server(file_registry_path, log, FRAUD_TRACES=f"otlp:{collector.url}") as server:
            done = run_shell(blocks(PAGE, "sh")[0].replace("http://127.0.0.1:8000", server.url), folder)
            assert json.loads(done.stdout)["decisions"], done.stderr
            (line,) = eventually(
                lambda: [event for event in server.events("request") if event["route"] == "/v1/decisions"],
                "it is logged",
            )
        yield collector, line


def test_the_log_line_is_as_shown(traced):
    shown = json.loads(blocks(PAGE, "json")[0])
    assert shown.items() <= traced[1].items()


def test_the_spans_are_those_of_the_table(traced):
    collector, line = traced
    server, *parts = first_cells("span | what it covers")
    (span,) = collector.named(server)
    assert (span.trace_id, span.span_id) == (TRACE, line["span_id"])
    assert [part.name for part in collector.parts_of(span)] == parts


def test_the_attributes_are_those_of_the_table(traced):
    collector, _ = traced
    (span,) = collector.named("POST /v1/decisions")
    assert {*span.attributes, "error.type"} == set(first_cells("attribute | meaning"))


def test_the_probes_are_those_named():
    named = PAGE.split("Probes (", 1)[1].split(")", 1)[0]
    assert set(NAMED.findall(named)) == NOT_BEGUN
