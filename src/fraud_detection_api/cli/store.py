"""fraud store …"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from fraud_detection_api.cli.audit import say_breaks
from fraud_detection_api.cli.options import AsJson, EntityId, Registry, Store, duration_seconds, settings_with
from fraud_detection_api.cli.terminal import MOST_SHOWN, counted, print_json, print_table, progress, say, say_other_key
from fraud_detection_api.processes.sigterm import leaves_on_sigterm
from fraud_detection_api.telemetry import utc_text

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.services.auditing.verification import Break
    from fraud_detection_api.services.storage.decision_store import StoreSummary
    from fraud_detection_api.services.storage.decision_writer import JournalBacklog
    from fraud_detection_api.services.storage.upkeep import Erased, UpkeepService

app = typer.Typer(no_args_is_help=True)


@contextmanager
def _upkeep(store: str | None) -> Iterator["UpkeepService"]:
    from fraud_detection_api.container.storage import build_upkeep

    with closing(build_upkeep(settings_with(store=store))) as upkeep:
        yield upkeep


def _journal(store: str | None) -> "JournalBacklog":
    from fraud_detection_api.container.storage import build_journals
    from fraud_detection_api.services.storage.decision_writer import JournalBacklog

    return JournalBacklog.of(build_journals(settings_with(store=store)))


@app.command(epilog="Example: `fraud store migrate`")
def migrate(store: Store = None, as_json: AsJson = False) -> None:
    """Bring the store's tables up to this version of the software. A server does the same when it starts."""
    with _upkeep(store) as upkeep:
        before, after = upkeep.migrate()
    if as_json:
        print_json({"from": before, "to": after})
    elif before == after:
        say(f"the store is already at revision {after}")
    else:
        say(f"migrated the store from {f'revision {before}' if before else 'nothing'} to revision {after}")


@app.command(epilog="Example: `fraud store info --json`")
def info(store: Store = None, as_json: AsJson = False) -> None:
    """Show what the store holds: decisions by outcome, the first and the last, sizes, and decisions in the journal."""
    with _upkeep(store) as upkeep:
        summary, journal = upkeep.summary(), _journal(store)
    if as_json:
        print_json(_state_json(summary, journal))
    else:
        print_table(("decision store", ""), _state_rows(summary, journal))


@app.command(epilog="Example: `fraud store purge --older-than 400d --dry-run`")
def purge(
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            parser=duration_seconds,
            help="Remove what is older than this, such as 400d.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Remove old decisions, their labels, old events, and old idempotency keys. Servers continue meanwhile."""
    with _upkeep(store) as upkeep:
        older = upkeep.count_older(older_than)
        if not dry_run:
            rows = sum(older)
            with progress(f"Removing {rows:,} decisions and events") as bar:
                purged = upkeep.purge(older_than, lambda removed: bar(removed / max(rows, removed)))
    if as_json:
        print_json({**(older if dry_run else purged)._asdict(), "dry_run": dry_run})
    elif dry_run:
        say(f"decisions that are older: {older.decisions:,}, events: {older.events:,}; nothing was removed")
    else:
        say(
            f"removed {counted(purged.decisions, 'decision')}, {counted(purged.events, 'event')} and "
            f"{counted(purged.idempotency_keys, 'idempotency key')}"
        )


@app.command(epilog="Example: `fraud store erase 345435`")
def erase(
    entity_id: EntityId,
    registry: Registry = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Erase an entity: its decisions lose id, record and reasons, and keep outcome, probability, model and time.

    Its events lose id and record. What history features of other entities count, such as the amount at a terminal, stays
    without the id. The exit status is 1 if there is no decision and no event about the id.
    """
    from fraud_detection_api.jobs.erasing import residue_for

    with _upkeep(store) as upkeep:
        erased = upkeep.erase(entity_id, residue=residue_for(settings_with(store=store, registry=registry)))
    backlog = _journal(store)
    journal_files = backlog.files + backlog.damaged
    if as_json:
        print_json({**erased._asdict(), "journal_files": journal_files})
    else:
        _say_erased(erased, journal_files)
    if not erased.decisions + erased.events:  # a job that erased nobody must not look like a success
        raise typer.Exit(1)


@app.command(epilog="Example: `fraud store compact`")
def compact(store: Store = None, as_json: AsJson = False) -> None:
    """Rewrite the store's files without unused space. Servers cannot store anything meanwhile: choose a quiet hour."""
    with _upkeep(store) as upkeep, progress("Compacting the store"):
        before, after = upkeep.compact()
    if as_json:
        print_json({"size_bytes_before": before, "size_bytes": after})
    else:
        say(f"the store shrank from {_megabytes(before)} to {_megabytes(after)}")


@app.command(epilog="Example: `fraud store backup decisions.backup`")
def backup(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="File to write. An existing file is replaced, once the copy is complete."),
    ],
    store: Store = None,
) -> None:
    """Copy a SQLite store as it is at one moment, while servers write to it, and check the copy."""
    with leaves_on_sigterm(), _upkeep(store) as upkeep, progress("Copying the store"):
        upkeep.backup(file)
    size = _megabytes(file.stat().st_size)
    say(f"{file} is a verified copy of the store ({size}). It holds customers' records: protect it accordingly")


@app.command(epilog="Example: `fraud store restore decisions.backup --force`")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup. It is checked first.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the existing store.")] = False,
    store: Store = None,
) -> None:
    """Replace the SQLite store with a copy of a backup. Stop the servers first."""
    with leaves_on_sigterm(), _upkeep(store) as upkeep, progress("Restoring the store"):
        summary = upkeep.restore(file, replace=force)
    last = _time(summary.last)
    say(f"restored {counted(sum(summary.by_outcome.values()), 'decision')}{f', the last of {last}' if last else ''}")
    say("customers who were erased after the backup was made are back: erase them again")


@app.command(epilog="Example: `fraud store check --sample 10000`")
def check(
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Check about this many decisions, drawn at random. Default: all."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Determines the sample.")] = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Check the store's file, every decision's seal, and the log. The exit status is 1 if anything is wrong."""
    checked = _checked(store, sample, seed)
    if as_json:
        print_json({**checked._asdict(), "breaks": [each._asdict() for each in checked.breaks]})
    else:
        _say_checked(checked)
    if checked.faults or checked.altered or checked.breaks:
        raise typer.Exit(1)


class _Checked(NamedTuple):
    """Problems of the files; the first decisions that were changed, and their number; other breaks of the log."""

    faults: list[str]
    altered: list[str]
    altered_count: int
    breaks: list["Break"]
    decisions: int


def _checked(store: str | None, sample: int | None, seed: int) -> _Checked:
    from fraud_detection_api.jobs.auditing import verified_store

    with _upkeep(store) as upkeep, progress("Checking") as report:
        if faults := upkeep.problems():
            return _Checked(faults, [], 0, [], 0)
        if sample is not None:
            checked = upkeep.check_sample(sample, seed=seed, report=report)
            return _Checked([], checked.altered, len(checked.altered), [], checked.decisions)
        verified = verified_store(settings_with(store=store), report, with_registry=False, with_file=False)
    altered = list(dict.fromkeys(each.subject for each in verified.breaks if each.fault == "decision_changed"))
    others = [each for each in verified.breaks if each.fault != "decision_changed"]
    return _Checked([], altered, max(verified.altered, len(altered)), others, verified.decisions)


def _state_json(summary: "StoreSummary", journal: "JournalBacklog") -> dict[str, object]:
    return {
        "revision": summary.revision,
        "contract": summary.contract,
        "decisions": sum(summary.by_outcome.values()),
        "outcomes": dict(summary.by_outcome),
        "first": _time(summary.first),
        "last": _time(summary.last),
        "events": summary.events,
        "labels": summary.labels,
        "idempotency_keys": summary.idempotency_keys,
        "size_bytes": summary.size_bytes,
        "free_bytes": summary.free_bytes,
        "journal": {"files": journal.files, "size_bytes": journal.size_bytes, "damaged_files": journal.damaged},
    }


def _state_rows(summary: "StoreSummary", journal: "JournalBacklog") -> list[tuple[str, str]]:
    return [
        ("revision", summary.revision),
        ("contract", summary.contract or ""),
        ("decisions", f"{sum(summary.by_outcome.values()):,}"),
        *((f"  {outcome}", f"{count:,}") for outcome, count in summary.by_outcome.items()),
        ("first", _time(summary.first) or ""),
        ("last", _time(summary.last) or ""),
        ("events", f"{summary.events:,}"),
        ("labels", f"{summary.labels:,}"),
        ("idempotency keys", f"{summary.idempotency_keys:,}"),
        ("size", f"{_megabytes(summary.size_bytes)}, of which {_megabytes(summary.free_bytes)} unused"),
        ("journal", f"{counted(journal.files, 'file')}, {_megabytes(journal.size_bytes)}; {journal.damaged} damaged"),
    ]


def _say_erased(erased: "Erased", journal_files: int) -> None:
    if erased.decisions or erased.events:
        events = f" and {counted(erased.events, 'event')}" if erased.events else ""
        say(f"erased {counted(erased.decisions, 'decision')}{events}")
    else:
        say("there is no decision about that id; if ids are stored as pseudonyms, set the server's FRAUD_PSEUDONYM_KEY")
    if erased.altered:
        say(f"changed before they were erased: {erased.altered:,}; `fraud store check` still reports them")
    if erased.traces:
        say(
            f"the id is still in {counted(erased.traces, 'place')} of the file: in unused space, which `fraud store "
            "compact` removes, or in another record with the same number"
        )
    if journal_files:
        say(
            f"the journal has {counted(journal_files, 'file')} that may hold more decisions about the id: erase it again "
            "once they are drained, and remove damaged files"
        )


def _say_checked(checked: _Checked) -> None:
    changed = checked.altered_count
    for problem in checked.faults:
        say(f"damaged: {problem}")
    for decision_id in checked.altered[:MOST_SHOWN]:
        say(f"changed since it was stored: {decision_id}")
    if changed > MOST_SHOWN:
        say(f"and {changed - MOST_SHOWN:,} more")
    say_breaks(checked.breaks)
    say(
        f"checked {counted(checked.decisions, 'decision')}: {changed:,} changed, "
        f"{counted(len(checked.faults), 'problem')} in the file"
    )
    say_other_key(changed, of=checked.decisions)


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else utc_text(milliseconds)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
