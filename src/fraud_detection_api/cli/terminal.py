"""What people see: errors of one line, tables, progress on a terminal; JSON for programs."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from fraud_detection_api.errors import FraudError, GateRefused, InvalidContract, InvalidDataset, InvalidPolicy

WIDEST_NAME = 40


class TeachingGroup(TyperGroup):
    """Turns expected failures into one line on stderr and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FraudError as error:
            typer.echo(f"error: {printable(_text(error))}", err=True)
            raise typer.Exit(1) from error
        except BrokenPipeError as error:  # the reader of a pipe went away
            sys.stderr.close()
            raise typer.Exit(1) from error


def _text(error: FraudError) -> str:
    """One line, or a line for each problem or reason where there are several."""
    if isinstance(error, GateRefused) and len(error.reasons) > 1:
        return "\n  ".join([f"{error.verdict}:", *error.reasons, error.mend])
    if isinstance(error, InvalidContract | InvalidDataset | InvalidPolicy) and len(error.problems) > 1:
        return "\n  ".join([f"{error.source}: {len(error.problems)} problems", *error.problems])
    return str(error)


def print_json(document: object) -> None:
    """For programs: one JSON document on stdout."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # JSON may hold as they are what some terminals obey, such as U+009B; escaped it says the same
    typer.echo("".join([each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text]))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """For people: a table on stdout, as wide as it needs to be where stdout is no terminal."""
    # a unit such as [EUR] is text, not rich's markup
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False, emoji=False)
    table = Table(title=printable(title) or None, title_justify="left")
    longest_name = max((len(row[0]) for row in rows), default=0)
    for position, heading in enumerate(headings):
        # a cut name or number is worth nothing, and a folded name is hard to read
        table.add_column(
            printable(heading), overflow="fold", min_width=None if position else min(longest_name, WIDEST_NAME)
        )
    for row in rows:
        table.add_row(*map(printable, row))
    console.print(table)


def print_text(text: str) -> None:
    """For people: a sentence of the result, on stdout with the tables."""
    typer.echo(printable(text))


def say(text: str) -> None:
    """Tell a person, on stderr, so that stdout stays for results."""
    typer.echo(printable(text), err=True)


def printable(text: str) -> str:
    """The text without a terminal's commands, which may come in with a name or a note; line ends stay."""
    return "".join([each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text])


class Report(Protocol):
    """Told the share of the work that is done, 0 to 1, and if that is news, what is being done.

    A milestone is said even where there is no bar: a run of hours in a log must be seen to live.
    """

    def __call__(self, share: float, description: str | None = None, *, milestone: bool = False) -> None: ...


@contextmanager
def progress(description: str) -> Iterator[Report]:
    """A bar on stderr while the block runs, none where stderr is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),  # it may name a file
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(printable(description), total=1.0)

        def report(share: float, description: str | None = None, *, milestone: bool = False) -> None:
            bar.update(task, completed=share, description=description)
            if milestone and not console.is_terminal and description is not None:
                say(description)

        yield report
