"""fraud score."""

from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.options import A_VERSION, AsJson, DataFile, Registry, Separator, of_csv, settings_with
from fraud_detection_api.cli.terminal import counted, print_json, progress, say
from fraud_detection_api.services.models.aliases import CHAMPION


def score(
    file: DataFile,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Output file (.csv, .parquet).")],
    model: Annotated[
        str, typer.Option("--model", metavar="VERSION", help=f"The model that scores. {A_VERSION}")
    ] = CHAMPION,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Add the column reasons: the strongest ones, as JSON.")
    ] = False,
    separator: Separator = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Score a file of records.

    The output has the input's columns and `fraud_probability`, `risk_score` (how many of 1,000 legitimate records score
    lower) and `outcome` (approve, review or decline, by the model's policy), and if you ask for them `reasons`. Both files
    may be larger than memory. A file that was scored before gets new scores: all columns that scoring added are replaced.

    At the end it says in how many records a category has a level that the model does not know.

    Example: `fraud score applications.csv --out scored.parquet`
    """
    settings, given = settings_with(registry=registry), of_csv(separator, file)
    from fraud_detection_api.container.registry import existing_registry
    from fraud_detection_api.processes.sigterm import leaves_on_sigterm
    from fraud_detection_api.services.batch.files import BatchScorer, UnseenCount
    from fraud_detection_api.services.models.registered import ModelService

    unseen = UnseenCount()
    served = ModelService(existing_registry(settings.registry)).load(model)
    with leaves_on_sigterm(), progress(f"Scoring {file.name} with version {served.version}") as report:
        scorer = BatchScorer(
            served.bundle,
            explains=reasons,
            on_progress=report,
            separator=given,
            on_replaced=_say_replaced,
            on_unseen=unseen.add,
        )
        done = scorer.score_file(file, out)
    if as_json:
        counts = {"unseen_levels": dict(unseen.by_column), "reviewed_for_unseen_levels": unseen.reviewed}
        print_json({"records": done, "model": served.version, "out": str(out), **counts})
        return
    say(f"scored {counted(done, 'record')} with version {served.version}; wrote {out}")
    for name, records in unseen.by_column.items():
        say(f"{name}: a level that the model does not know in {counted(records, 'record')}")
    if unseen.reviewed:
        say(f"{counted(unseen.reviewed, 'record')} with such a level must be reviewed, because it matters there")


def _say_replaced(names: list[str]) -> None:
    say(f"the file was scored before; {', '.join(names)} are replaced")
