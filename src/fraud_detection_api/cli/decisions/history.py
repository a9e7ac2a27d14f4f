"""fraud history …"""

from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.decisions.wording import label_text, words_of_labels
from fraud_detection_api.cli.options import settings_with, usage_errors
from fraud_detection_api.cli.terminal import JSON_LISTENER, LISTENER, print_json, print_table, say
from fraud_detection_api.telemetry import utc_text

app = typer.Typer(no_args_is_help=True)


@app.command(epilog="Example: `fraud history load payments.parquet --event-id payment`")
def load(
    file: options.DataFile,
    event_id: Annotated[
        str | None,
        typer.Option(
            "--event-id",
            metavar="COLUMN",
            help="The column with the events' own ids, as POST /v1/events takes them. Default: the number of the row, with "
            "a digest of the ids, times and keys up to it.",
        ),
    ] = None,
    separator: options.Separator = None,
    registry: options.Registry = None,
    contract: options.StoredContract = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> None:
    """Seed the store with a file of events, so that history features know what came before the first decision.

    The file has the contract's id, time, keys and the features that history features read. Other features may be missing.
    The target, if it is there, says which events are known as fraud, and is read as `fraud train` reads it; where it is
    empty, nothing is known. Rows are recorded in their order.

    If any row is invalid, nothing is recorded. A load that was interrupted goes on when it is started again: events that
    are recorded already change nothing.
    """
    settings = settings_with(registry=registry, contract=contract, store=store)
    given = options.of_csv(separator, file)
    from fraud_detection_api.jobs.history import load_events
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm

    with leaves_on_sigterm():
        done = load_events(
            settings, file, id_column=event_id, separator=given, listener=JSON_LISTENER if as_json else LISTENER
        )
    if as_json:
        print_json(done._asdict())
    else:
        if done.warning is not None:
            say(f"warning: {done.warning}")
        say(f"{done.rows:,} rows: {done.recorded:,} events recorded, {done.repeated:,} had been recorded before")


@app.command(
    epilog="Example: `fraud history features payments.parquet --contract payments.toml --out features.parquet`"
)
def features(
    file: options.DataFile,
    out: Annotated[Path, typer.Option("--out", metavar="TARGET", help="The file to write (.csv, .parquet).")],
    separator: options.Separator = None,
    registry: options.Registry = None,
    contract: options.StoredContract = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a file's rows with their history features beside them, as training and scoring compute them.

    The file has what `fraud history load` needs, in any order of rows. Labels are known after the contract's
    `label_delay_days`. Features that the file has are left as they are.
    """
    settings = settings_with(registry=registry, contract=contract)
    given = options.of_csv(separator, file)
    from fraud_detection_api.jobs.history import write_features

    done = write_features(settings, file, out, separator=given, listener=JSON_LISTENER if as_json else LISTENER)
    if as_json:
        print_json({**done._asdict(), "out": str(out)})
    else:
        say(f"{done.rows:,} rows with {', '.join(done.features)}; wrote {out}")


@app.command(epilog="Example: `fraud history show C-345435`")
def show(
    entity: Annotated[
        str, typer.Argument(metavar="ENTITY", help="The entity's id, or its values of the columns --key.")
    ],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="COLUMN",
            help="A column that history features go by, such as a key, or several with commas between them, as ENTITY then "
            "has a value of each. Default: the id.",
        ),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(
            "--at",
            metavar="TIME",
            parser=options.milliseconds,
            help="Up to this time, and the features as of it. Default: now.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="Number of decisions and events to list.")
    ] = 20,
    registry: options.Registry = None,
    contract: options.StoredContract = None,
    store: options.Store = None,
    as_json: options.AsJson = False,
) -> None:
    """Show what an entity did, newest first, and the history features that a record of it would have.

    Shown are features that go by these columns. With --key, unless it has the id, the whole log of the store is read.
    """
    settings = settings_with(registry=registry, contract=contract, store=store)
    from fraud_detection_api.jobs.history import entity_profile
    from fraud_detection_api.schemas.entities import entity_history_body

    with usage_errors():
        profile = entity_profile(
            settings, entity, columns=key.split(",") if key else (), at=at, limit=limit, listener=LISTENER
        )
    if as_json:
        print_json(entity_history_body(profile).model_dump())
        return
    words = words_of_labels(settings) if profile.happened else None
    rows = [
        (
            utc_text(each.at),
            each.kind,
            each.name,
            each.outcome or "",
            "" if words is None or each.is_fraud is None else label_text(words, is_fraud=each.is_fraud),
        )
        for each in profile.happened
    ]
    if rows:
        print_table(("time (UTC)", "kind", "id", "outcome", "label"), rows)
    else:
        say("nothing is stored of it up to then")
    features = [
        (name, "missing" if value is None else f"{value:g}") for name, value in (profile.features or {}).items()
    ]
    print_table(("history feature", "value"), features, title=f"As of {utc_text(profile.at)}")
