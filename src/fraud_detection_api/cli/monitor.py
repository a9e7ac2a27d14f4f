"""fraud monitor …"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.monitoring_tables import monitoring_notes, monitoring_tables
from fraud_detection_api.cli.options import AsJson, Registry, Store, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, print_text, say
from fraud_detection_api.container.deployment import build_comparisons, build_monitoring
from fraud_detection_api.container.registry import build_registry
from fraud_detection_api.container.storage import open_observations
from fraud_detection_api.schemas.monitoring import monitoring_body
from fraud_detection_api.services.models.deployment import ServedModel
from fraud_detection_api.services.models.registered import ModelService
from fraud_detection_api.services.reporting.comparison import ComparisonService
from fraud_detection_api.services.reporting.monitoring import MonitoringService
from fraud_detection_api.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Drift and performance of the champion.")


@app.callback()
def monitor() -> None:
    """Drift and performance of the champion."""


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[ModelService, MonitoringService, ComparisonService]]:
    """What monitors, and what compares, from the configured store and registry, while the block runs."""
    models = ModelService(build_registry(settings.registry))
    with open_observations(settings) as (store, labels, observations):
        monitoring = build_monitoring(settings, store, labels, observations)
        yield models, monitoring, build_comparisons(settings, labels, observations)


@app.command(epilog="Example: `fraud monitor show`")
def show(registry: Registry = None, store: Store = None, as_json: AsJson = False) -> None:
    """Show how far the last hour, day and week are from the training data, and how good matured decisions were."""
    with opened(settings_with(registry=registry, store=store)) as (models, monitoring, _):
        report = monitoring.report(ServedModel(*models.bundle("champion")))
        told = monitoring_body(report).model_dump(mode="json")
    if as_json:
        print_json(told)
        return
    for title, headings, rows in monitoring_tables(told):
        print_table(headings, rows, title=title)
    for note in monitoring_notes(told):
        print_text(note)


@app.command(epilog="Example: `fraud monitor report --out monitoring.html`")
def report(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="File to write.")],
    registry: Registry = None,
    store: Store = None,
) -> None:
    """Write one page with all of it: histograms of every feature, the week's trend, performance, and the challenger."""
    from fraud_detection_api.pages.monitoring import monitoring_html
    from fraud_detection_api.tables.files import written_whole

    if out.suffix != ".html":
        raise typer.BadParameter("name the file .html", param_hint="--out")
    with opened(settings_with(registry=registry, store=store)) as (models, monitoring, comparisons):
        champion = ServedModel(*models.bundle("champion"))
        compared = None
        if (version := models.assigned("challenger")) is not None:
            compared = comparisons.compare(champion, ServedModel(*models.bundle(version)))
        content = monitoring_html(monitoring.report(champion), monitoring.trend(champion), compared)
    with written_whole(out) as waiting:
        waiting.write_bytes(content)
    say(f"the report on version {champion.version} is in {out}")
