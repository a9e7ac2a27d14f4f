"""fraud monitor …"""

from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.cli.options import AsJson, Groups, Registry, Store, settings_with
from fraud_detection_api.cli.tables.measures import monitoring_notes, monitoring_tables, print_fairness
from fraud_detection_api.cli.terminal import print_report, say
from fraud_detection_api.report.document import words_for

app = typer.Typer(no_args_is_help=True)


@app.command(epilog="Example: `fraud monitor show`")
def show(registry: Registry = None, store: Store = None, groups: Groups = None, as_json: AsJson = False) -> None:
    """Show the drift of the last hour, day and week, and performance and fairness where labels have matured."""
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.jobs.monitoring import report_on_champion
    from fraud_detection_api.schemas.monitoring import monitoring_body

    found = report_on_champion(settings, groups)
    shown, words = monitoring_body(found).model_dump(mode="json"), words_for(found.model.bundle.contract.purpose)
    print_report(shown, monitoring_tables(shown, words), monitoring_notes(shown, words), as_json=as_json)
    if not as_json:
        print_fairness(found.performance.fairness, words)


@app.command(epilog="Example: `fraud monitor report --out monitoring.html`")
def report(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="File to write.")],
    registry: Registry = None,
    store: Store = None,
    groups: Groups = None,
) -> None:
    """Write an HTML page: histograms of every feature, the week's trend, performance, fairness, and the challenger."""
    if out.suffix != ".html":
        raise typer.BadParameter("name the file .html", param_hint="--out")
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.jobs.monitoring import monitoring_page
    from fraud_detection_api.tables.whole_files import written_whole

    version, content = monitoring_page(settings, groups)
    with written_whole(out) as waiting:
        waiting.write_bytes(content)
    say(f"the report on version {version} is in {out}")
