"""fraud models …"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fraud_detection_api.cli.models import rollout
from fraud_detection_api.cli.options import AsJson, Registry, Store, Version, settings_with
from fraud_detection_api.cli.tables.evaluation import print_evaluation
from fraud_detection_api.cli.tables.monitoring import comparison_notes, comparison_tables
from fraud_detection_api.cli.tables.policy import thresholds_text
from fraud_detection_api.cli.terminal import print_json, print_table, print_tables, say
from fraud_detection_api.services.models.aliases import CHALLENGER

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.schemas.models import ModelSummary
    from fraud_detection_api.services.models.registered import ModelService
    from fraud_detection_api.settings import Settings

PARTS = ("train", "test")
DOCUMENT_OF = {".html": "report.html", ".md": "card.md"}

app = typer.Typer(no_args_is_help=True)


def _service(settings: "Settings") -> "ModelService":
    from fraud_detection_api.container.registry import build_registry
    from fraud_detection_api.services.models.registered import ModelService

    return ModelService(build_registry(settings.registry))


@app.command("list", epilog="Example: `fraud models list`")
def list_models(registry: Registry = None, as_json: AsJson = False) -> None:
    """List all versions, newest first."""
    settings = settings_with(registry=registry)
    from fraud_detection_api.schemas.models import model_summary

    summaries = [model_summary(description) for description in _service(settings).describe_all()]
    if as_json:
        print_json([summary.model_dump() for summary in summaries])
    elif not summaries:
        say(f"the registry {settings.registry} is empty: `fraud train FILE` adds a model")
    else:
        headings = ("version", "alias", "made (UTC)", "contract", "ROC AUC", "avg. prec.", "digest")
        print_table(headings, [_row(summary) for summary in summaries])


@app.command(epilog="Example: `fraud models show champion`")
def show(version: Version, registry: Registry = None, as_json: AsJson = False) -> None:
    """Show a version's model card."""
    settings = settings_with(registry=registry)
    from fraud_detection_api.schemas.models import model_card

    card = model_card(_service(settings).describe(version))
    if as_json or card.fault is not None:
        print_json(card.model_dump())
        return
    about = card.card
    rows = [
        ("version", f"{card.version} {' '.join(card.aliases)}".strip()),
        ("made", card.created_at or ""),
        ("digest", card.digest or ""),
        ("contract", f"{about['contract']['name']} ({about['contract']['fingerprint']})"),
        ("data", f"{about['data']['rows']:,} records, {about['data']['frauds']:,} frauds ({about['data']['digest']})"),
        *_data_rows(about),
        ("trees", f"{about['training']['rounds']} rounds, seed {about['training']['seed']}"),
        ("settings", ", ".join(f"{name} {setting}" for name, setting in about["training"]["settings"].items())),
        ("policy", thresholds_text(about["policy"])),
        ("made with", ", ".join(f"{name} {number}" for name, number in about["software"].items())),
    ]
    print_table(("model card", ""), rows)
    print_evaluation(about["evaluation"], title="Held-out test part")


@app.command(epilog="Example: `fraud models report champion --out report.html`")
def report(
    version: Version,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="File to write: .html for the whole report, .md for the model card."
        ),
    ],
    registry: Registry = None,
) -> None:
    """Write a version's report: one HTML page with every plot and table, or the model card in Markdown."""
    if out.suffix not in DOCUMENT_OF:
        raise typer.BadParameter("name the file .html or .md", param_hint="--out")
    service = _service(settings_with(registry=registry))
    from fraud_detection_api.tables.whole_files import written_whole

    version = service.resolve(version)
    content = service.document(version, DOCUMENT_OF[out.suffix])
    with written_whole(out) as waiting:
        waiting.write_bytes(content)
    say(f"the report of version {version} is in {out}")


@app.command(epilog="Example: `fraud models compare`")
def compare(
    version: Annotated[
        str,
        typer.Argument(
            metavar="[VERSION]", help="A version that is or was challenger. Default: the present challenger."
        ),
    ] = CHALLENGER,
    registry: Registry = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Compare the champion with a challenger on the traffic that both scored, and show whether the gate lets it pass."""
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.jobs.monitoring import compare_models
    from fraud_detection_api.schemas.monitoring import comparison_body

    shown = comparison_body(compare_models(settings, version)).model_dump(mode="json")
    if as_json:
        print_json(shown)
    else:
        print_tables(comparison_tables(shown), comparison_notes(shown))


app.command(epilog="Example: `fraud models promote 7 --reason 'three weeks in shadow'`")(rollout.promote)
app.command(epilog="Example: `fraud models rollback`")(rollout.rollback)
app.command(epilog="Example: `fraud models challenge 7`")(rollout.challenge)
app.command(epilog="Example: `fraud models history`")(rollout.history)


def _data_rows(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    split = about["split"]
    parts = [f"{part} {split[part]['rows']:,} ({split[part]['frauds']:,} frauds)" for part in PARTS]
    period = [("period", " to ".join(about["data"]["period"]))] if about["data"]["period"] else []
    return [*period, ("split", f"{split['kind']}: {', '.join(parts)}"), ("features", ", ".join(about["features"]))]


def _row(summary: "ModelSummary") -> tuple[str, ...]:
    if summary.status == "damaged":
        return (summary.version, " ".join(summary.aliases), "damaged", "", "", "", "")
    return (
        summary.version,
        " ".join(summary.aliases),
        (summary.created_at or "")[:16].replace("T", " "),
        summary.contract or "",
        f"{summary.roc_auc:.4f}",
        f"{summary.average_precision:.4f}",
        f"{summary.digest}".removeprefix("sha256:")[:12],
    )
