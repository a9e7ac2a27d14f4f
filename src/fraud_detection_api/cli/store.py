"""fraud store …"""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.broken_seals import MOST_SHOWN, OTHER_KEY
from fraud_detection_api.cli.options import AsJson, Store, duration_seconds, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, progress, say
from fraud_detection_api.container.storage import build_journal
from fraud_detection_api.container.upkeep import build_upkeep
from fraud_detection_api.services.storage.upkeep import Checked, Erased, UpkeepService
from fraud_detection_api.telemetry import utc_text

app = typer.Typer(
    no_args_is_help=True, help="The decision store: migrate, look at, purge, erase, back up and check it."
)


def _upkeep(store: str | None) -> closing[UpkeepService]:
    return closing(build_upkeep(settings_with(store=store)))


@app.command(epilog="Example: `fraud store migrate`")
def migrate(store: Store = None, as_json: AsJson = False) -> None:
    """Bring the store's tables up to this version of the software, as a server does when it starts."""
    with _upkeep(store) as upkeep:
        before, after = upkeep.migrate()
    if as_json:
        print_json({"from": before, "to": after})
    elif before == after:
        say(f"the store is at revision {after} already")
    else:
        say(f"migrated the store from {f'revision {before}' if before else 'nothing'} to revision {after}")


@app.command(epilog="Example: `fraud store info --json`")
def info(store: Store = None, as_json: AsJson = False) -> None:
    """Show what the store holds: decisions by outcome, the first and the last, sizes, and what waits in the journal."""
    with _upkeep(store) as upkeep:
        summary = upkeep.summary()
    backlog = build_journal(settings_with()).backlog()
    told = {
        "revision": summary.revision,
        "decisions": sum(summary.by_outcome.values()),
        "outcomes": dict(summary.by_outcome),
        "first": _time(summary.first),
        "last": _time(summary.last),
        "labels": summary.labels,
        "idempotency_keys": summary.idempotency_keys,
        "size_bytes": summary.size_bytes,
        "free_bytes": summary.free_bytes,
        "journal": {"files": backlog.files, "size_bytes": backlog.size_bytes, "damaged_files": backlog.damaged},
    }
    if as_json:
        print_json(told)
        return
    rows = [("revision", summary.revision), ("decisions", f"{told['decisions']:,}")]
    rows += [(f"  {outcome}", f"{count:,}") for outcome, count in summary.by_outcome.items()]
    rows += [("first", _time(summary.first) or ""), ("last", _time(summary.last) or "")]
    rows += [("labels", f"{summary.labels:,}"), ("idempotency keys", f"{summary.idempotency_keys:,}")]
    rows += [("size", f"{_megabytes(summary.size_bytes)}, {_megabytes(summary.free_bytes)} of it free")]
    rows += [("journal", f"{backlog.files} files wait, {_megabytes(backlog.size_bytes)}; {backlog.damaged} damaged")]
    print_table(("decision store", ""), rows)


@app.command(epilog="Example: `fraud store purge --older-than 400d --dry-run`")
def purge(
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than", metavar="DURATION", parser=duration_seconds, help="Age of what is removed, such as 400d."
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Remove decisions that are older, their labels, and idempotency keys; servers go on meanwhile."""
    with _upkeep(store) as upkeep:
        count = upkeep.count_older(older_than)
        if dry_run:
            told = {"decisions": count, "dry_run": True}
        else:
            with progress(f"Removing {count:,} decisions") as report:
                purged = upkeep.purge(older_than, lambda removed: report(removed / max(count, removed)))
            told = {**purged._asdict(), "dry_run": False}
    if as_json:
        print_json(told)
    elif dry_run:
        say(f"{count:,} decisions are older; nothing was removed")
    else:
        say(f"removed {told['decisions']:,} decisions and {told['idempotency_keys']:,} idempotency keys")


@app.command(epilog="Example: `fraud store erase 345435`")
def erase(
    entity_id: Annotated[str, typer.Argument(metavar="ENTITY_ID", help="The records' id, as callers send it.")],
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Erase who a customer is: decisions lose id, record and reasons, and keep outcome, probability, model and time."""
    with _upkeep(store) as upkeep:
        erased = upkeep.erase(entity_id)
    backlog = build_journal(settings_with()).backlog()
    waiting = backlog.files + backlog.damaged
    if as_json:
        print_json({**erased._asdict(), "journal_files": waiting})
    else:
        _say_erased(erased, waiting)
    if not erased.decisions:  # a job that erased nobody must not look like one that did
        raise typer.Exit(1)


def _say_erased(erased: Erased, waiting: int) -> None:
    if erased.decisions:
        say(f"erased {erased.decisions:,} decisions")
    else:
        say(
            "no decision about that id is kept; where ids are kept as pseudonyms, FRAUD_PSEUDONYM_KEY must be the server's"
        )
    if erased.altered:
        say(f"{erased.altered:,} of them had been changed since they were kept; `fraud store check` goes on saying so")
    if erased.traces:
        say(
            f"the id still stands in {erased.traces:,} places of the file: in unused space, which `fraud store compact` "
            "removes, or in another record that has the same number"
        )
    if waiting:
        say(
            f"{waiting} files of the journal may tell of them too: erase again once they are drained; remove damaged ones"
        )


@app.command(epilog="Example: `fraud store compact`")
def compact(store: Store = None, as_json: AsJson = False) -> None:
    """Write the store's files anew without free space. Servers cannot keep anything meanwhile: do it in a quiet hour."""
    with _upkeep(store) as upkeep, progress("Writing the store anew"):
        before, after = upkeep.compact()
    if as_json:
        print_json({"size_bytes_before": before, "size_bytes": after})
    else:
        say(f"the store took {_megabytes(before)} and takes {_megabytes(after)}")


@app.command(epilog="Example: `fraud store backup decisions.backup`")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; it appears whole, or not at all.")],
    store: Store = None,
) -> None:
    """Copy a SQLite store as it is at one moment, while servers write to it. The copy is checked."""
    with _upkeep(store) as upkeep, progress("Copying the store"):
        upkeep.backup(file)
    say(
        f"{file} holds a sound copy of the store ({_megabytes(file.stat().st_size)}), with its records: guard it as such"
    )


@app.command(epilog="Example: `fraud store restore decisions.backup --force`")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup; it is checked first.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the store that is there.")] = False,
    store: Store = None,
) -> None:
    """Put a copy of a backup in the SQLite store's place. Stop the servers first."""
    with _upkeep(store) as upkeep, progress("Restoring the store"):
        summary = upkeep.restore(file, replace=force)
    last = _time(summary.last)
    say(f"restored {sum(summary.by_outcome.values()):,} decisions{f', the last of {last}' if last else ''}")
    say("who was erased after the backup was made is back: erase them again")


@app.command(epilog="Example: `fraud store check --sample 10000`")
def check(
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Look at so many decisions, not at all.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the sample.")] = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Check the store's file, and every decision's seal. Exit status 1 where something is wrong."""
    with _upkeep(store) as upkeep, progress("Checking") as report:
        checked = upkeep.check(sample=sample, seed=seed, report=report)
    if as_json:
        print_json({"faults": checked.problems, "altered": checked.altered, "decisions": checked.decisions})
    else:
        _say_checked(checked)
    if checked.problems or checked.altered:
        raise typer.Exit(1)


def _say_checked(checked: Checked) -> None:
    changed = len(checked.altered)
    for problem in checked.problems:
        say(f"damaged: {problem}")
    for decision_id in checked.altered[:MOST_SHOWN]:
        say(f"changed since it was kept: {decision_id}")
    if changed > MOST_SHOWN:
        say(f"and {changed - MOST_SHOWN:,} more")
    say(f"looked at {checked.decisions:,} decisions: {changed:,} changed, {len(checked.problems)} faults")
    if changed > MOST_SHOWN or 0 < changed == checked.decisions:
        say(OTHER_KEY)


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else utc_text(milliseconds)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
