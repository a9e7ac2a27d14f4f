"""fraud score."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fraud_detection_api.cli.options import (
    A_VERSION,
    AsJson,
    Engine,
    Jobs,
    RayAddress,
    Registry,
    Separator,
    of_csv,
    settings_with,
)
from fraud_detection_api.cli.terminal import JSON_LISTENER, LISTENER, MOST_SHOWN, counted, print_json, say
from fraud_detection_api.services.models.aliases import CHAMPION

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.jobs.scoring import Scored


def score(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file of records (.csv, .csv.gz, .parquet), a folder, a glob in quotes, or one of these in object "
            "storage (s3://, gs://, az://).",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", metavar="TARGET", help="A file (.csv, .parquet), or a folder that gets a file for each."),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="VERSION", help=f"The model that scores. {A_VERSION}")
    ] = CHAMPION,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Add the column reasons: the strongest ones, as JSON.")
    ] = False,
    delta: Annotated[
        bool, typer.Option("--delta", help="TARGET is a Delta table, which gets all files in one commit.")
    ] = False,
    separator: Separator = None,
    jobs: Jobs = None,
    engine: Engine = "local",
    ray_address: RayAddress = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Score files of records.

    The output has the input's columns and `fraud_probability`, `risk_score` (how many of 1,000 legitimate records score
    lower) and `outcome` (approve, review or decline, by the model's policy), and with --reasons also `reasons`. Input and
    output may be larger than memory. A file that was scored before gets new scores: all columns that scoring added are
    replaced.

    If TARGET is a folder, each file of SOURCE gets one of the same name there, by several processes or on a Ray cluster. The
    same command goes on where an earlier one was stopped, and scores new and changed files. A file that cannot be scored is
    named at the end, and the exit status is 1; all others are scored.

    At the end it says in how many records a category has a level that the model does not know, or a value is missing that
    never was in training.

    Example: `fraud score applications.csv --out scored.parquet`

    Example: `fraud score s3://bank/2026 --out s3://bank/scored`
    """
    settings = settings_with(registry=registry)
    given = of_csv(separator, Path(source)) if source.lower().endswith(".parquet") else separator
    from fraud_detection_api.container.workers import build_workers
    from fraud_detection_api.jobs.scoring import ScoringOptions, score_records

    options = ScoringOptions(source, out, model, reasons, given, delta)
    if options.is_one_file and (engine == "ray" or jobs is not None):
        raise typer.BadParameter(
            "is for a folder as TARGET; one file is scored by this process", param_hint="--jobs, --engine"
        )
    workers = build_workers(engine, jobs=jobs, address=ray_address)
    scored = score_records(settings, options, workers=workers, listener=JSON_LISTENER if as_json else LISTENER)
    if as_json:
        print_json({"records": scored.records, "model": scored.version, "out": out, **_counts(scored)})
    else:
        _say(scored, out)
    if scored.failures:
        raise typer.Exit(1)


def _counts(scored: "Scored") -> dict[str, Any]:
    unseen = {
        "unseen_levels": dict(scored.unseen.by_column),
        "reviewed_for_unseen_levels": scored.unseen.reviewed,
        "unseen_missing": dict(scored.unseen.missing),
    }
    if scored.parts is None:
        return unseen
    failed = [{"file": each.source, "problems": list(each.problems)} for each in scored.failures]
    return {**unseen, "files": scored.parts.parts, "scored_earlier": scored.parts.earlier, "failed": failed}


def _say(scored: "Scored", out: str) -> None:
    """What was done, for people."""
    parts = scored.parts
    files = "" if parts is None else f" of {counted(parts.parts, 'file')}"
    say(f"scored {counted(scored.records, 'record')}{files} with version {scored.version}; wrote {out}")
    if parts is not None and parts.earlier:
        say(f"{counted(parts.earlier, 'file')} had been scored before")
    for name, records in scored.unseen.by_column.items():
        say(f"{name}: a level that the model does not know in {counted(records, 'record')}")
    for name, records in scored.unseen.missing.items():
        say(f"{name}: missing in {counted(records, 'record')}, and never in training")
    if scored.unseen.reviewed:
        say(f"{counted(scored.unseen.reviewed, 'record')} with such a level must be reviewed, because it matters there")
    for failure in scored.failures[:MOST_SHOWN]:
        say(f"error: {failure}")
    if scored.failures:
        say(
            f"{counted(len(scored.failures), 'file')} could not be scored; correct what is wrong, and run the command again"
        )
