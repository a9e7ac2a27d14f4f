"""fraud score."""

from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.options import DataFile, Registry, settings_with
from fraud_detection_api.cli.terminal import progress, say
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.processes.interruption import leaves_on_sigterm
from fraud_detection_api.services.models.registered import ModelService


def score(
    file: DataFile,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="File to write: the input's columns and three more.")
    ],
    model: Annotated[str, typer.Option("--model", metavar="champion|VERSION", help="Which model scores.")] = "champion",
    registry: Registry = None,
) -> None:
    """Score a file of records into another file; both may be larger than memory.

    Added are `fraud_probability`, `risk_score` (the per-mille of legitimate records that score lower) and `outcome`
    (approve, review or decline, by the model's policy).

    Example: `fraud score applications.csv --out scored.parquet`
    """
    from fraud_detection_api.services.batch.files import BatchScorer

    version, bundle = ModelService(build_registry(settings_with(registry=registry).registry)).bundle(model)
    with leaves_on_sigterm(), progress(f"Scoring {file.name} with version {version}") as report:
        done = BatchScorer(bundle, on_progress=report).score_file(file, out)
    say(f"{done:,} records, scored with version {version}, are in {out}")
