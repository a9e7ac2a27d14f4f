"""fraud evaluate."""

from typing import Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import settings_with
from fraud_detection_api.cli.tables.evaluation import print_evaluation
from fraud_detection_api.cli.terminal import print_json, say


def evaluate(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version, or `champion`.")],
    file: options.DataFile,
    registry: options.Registry = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure a registered model on a file of labelled records.

    Example: `fraud evaluate champion later.parquet`
    """
    settings = settings_with(registry=registry)
    from fraud_detection_api.jobs.evaluation import evaluate_model

    measured = evaluate_model(settings, version, file)
    if measured.learned_from:
        say("warning: the model was trained on these records, so the figures are too good; use newer records")
    evaluation = measured.evaluation.as_json()
    if as_json:
        print_json({"version": measured.version, "digest": measured.digest, **evaluation})
    else:
        print_evaluation(evaluation, title=f"Version {measured.version} on {file.name}")
