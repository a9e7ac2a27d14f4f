"""What people see: errors in one line, tables, progress on a terminal. For programs: JSON."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import typer
from typer.core import TyperGroup

from fraud_detection_api.cli.hints import begin, with_given
from fraud_detection_api.errors import FraudError, GateRefused, InvalidFile, MissingExtra
from fraud_detection_api.jobs.listener import Bar, Listener

WIDEST_NAME = 40

TRAINING_LIBRARIES = ("matplotlib", "optuna", "polars", "scipy", "sklearn", "xgboost")
"""What the extra `train` installs, and serving does without."""

Table: TypeAlias = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, headings, rows."""


MOST_SHOWN = 20
"""This many decisions with a broken seal are named to people; JSON names all."""


class TeachingGroup(TyperGroup):
    """Turns expected failures into one line on stderr and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        begin(ctx)
        if logging.lastResort is not None:  # it shows what is logged where no log is configured
            logging.lastResort.setFormatter(_LogLine())
        try:
            return super().invoke(ctx)
        except FraudError as error:
            raise _failed(error) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in TRAINING_LIBRARIES:
                raise
            raise _failed(MissingExtra("train", "this command")) from error
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # typer leaves pydantic's words before its own
            raise
        except BrokenPipeError as error:  # the reader of a pipe has gone
            sys.stderr.close()
            raise typer.Exit(1) from error


class _LogLine(logging.Formatter):
    """An event of the log as a line for people, such as `warning: …`."""

    def format(self, record: logging.LogRecord) -> str:
        detail = getattr(record, "fields", {}).get("detail")
        return printable(f"{record.levelname.lower()}: {detail or record.getMessage()}")


def _failed(error: FraudError) -> typer.Exit:
    typer.echo(f"error: {printable(with_given(_text(error)))}", err=True)
    return typer.Exit(1)


def _text(error: FraudError) -> str:
    """One line, or a line for each problem or reason where there are several."""
    if isinstance(error, GateRefused) and len(error.reasons) > 1:
        return "\n  ".join([f"{error.verdict}:", *error.reasons, error.remedy])
    if isinstance(error, InvalidFile) and len(error.problems) > 1:
        return "\n  ".join([f"{error.source}: {len(error.problems)} problems", *error.problems])
    return str(error)


def say_other_key(broken: int, *, of: int) -> None:
    """Ask for the key if most seals or signatures are broken: one that was changed is no matter of the key."""
    if 2 * broken > of:
        say(
            "is FRAUD_SEAL_KEY (or FRAUD_SEAL_KEY_FILE) the server's? With another key, or none, every seal looks broken"
        )


def print_json(document: object) -> None:
    """For programs: one JSON document on stdout."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # JSON allows characters that some terminals obey, such as U+009B; escaped, they mean the same
    typer.echo("".join([each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text]))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """For people: a table on stdout, as wide as it needs to be where stdout is not a terminal."""
    from rich.console import Console
    from rich.table import Table as RichTable

    # a unit such as [EUR] is text, not rich's markup
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False, emoji=False)
    table = RichTable(title=printable(title) or None, title_justify="left")
    longest_name = max((len(row[0]) for row in rows), default=0)
    for index, heading in enumerate(headings):
        # a name or a number is not cut off, and names are not folded
        table.add_column(
            printable(heading), overflow="fold", min_width=None if index else min(longest_name, WIDEST_NAME)
        )
    for row in rows:
        table.add_row(*map(printable, row))
    console.print(table)


def print_report(document: object, tables: Iterable[Table], notes: Iterable[str], *, as_json: bool) -> None:
    """The document for programs; for people its tables on stdout, one below the other, and notes below them."""
    if as_json:
        print_json(document)
        return
    for title, headings, rows in tables:
        print_table(headings, rows, title=title)
    for note in notes:
        print_text(note)


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "decision"), counted(2000, "decision")
    ('1 decision', '2,000 decisions')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_text(text: str) -> None:
    """For people: a sentence of the result, on stdout with the tables."""
    typer.echo(printable(with_given(text)))


def say(text: str) -> None:
    """Inform a person on stderr, so that stdout holds only results."""
    typer.echo(printable(with_given(text)), err=True)


def printable(text: str) -> str:
    """The text without characters that command a terminal; names and notes may hold them. Line ends stay."""
    return "".join([each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text])


@contextmanager
def progress(description: str) -> Iterator[Bar]:
    """A bar on stderr while the block runs, if stderr is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),  # it may name a file
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        task = shown.add_task(printable(description), total=1.0)

        def update(share: float, description: str | None = None, *, milestone: bool = False) -> None:
            shown.update(task, completed=share, description=description)
            if milestone and not console.is_terminal and description is not None:
                say(description)

        yield update


LISTENER = Listener(progress, say)
"""Shows on the terminal what a job reports."""


@contextmanager
def json_progress(step: str) -> Iterator[Bar]:
    """For programs: a line of JSON on stderr for each percent that is done."""
    told = -1

    def update(share: float, description: str | None = None, *, milestone: bool = False) -> None:
        nonlocal told
        if milestone or int(share * 100) > told:
            told = int(share * 100)
            typer.echo(json.dumps({"step": step, "share": round(share, 4), "detail": description}), err=True)

    yield update


JSON_LISTENER = Listener(json_progress, say)
"""Reports what a job does to a program. What the job has done is said in the document at the end."""
