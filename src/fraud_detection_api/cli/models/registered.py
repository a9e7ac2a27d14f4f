"""fraud models …"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import AsJson, Registry, Store, Version, order_of, settings_with
from fraud_detection_api.cli.tables.measures import comparison_notes, comparison_tables, print_evaluation
from fraud_detection_api.cli.tables.policy import thresholds_text
from fraud_detection_api.cli.terminal import LISTENER, print_json, print_report, print_table, say
from fraud_detection_api.report.document import Words, words_for
from fraud_detection_api.services.models.aliases import CHALLENGER

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.schemas.models import AliasChangeBody, ModelSummary
    from fraud_detection_api.services.models.registered import ModelService
    from fraud_detection_api.services.models.rollout import RolloutService
    from fraud_detection_api.settings import Settings

PARTS = ("train", "test")
DOCUMENT_OF = {".html": "report.html", ".md": "card.md"}

app = typer.Typer(no_args_is_help=True)


def _service(settings: "Settings") -> "ModelService":
    from fraud_detection_api.container.registry import existing_registry
    from fraud_detection_api.services.models.registered import ModelService

    return ModelService(existing_registry(settings.registry))


@app.command("list", epilog="Example: `fraud models list`")
def list_models(registry: Registry = None, as_json: AsJson = False) -> None:
    """List all versions, newest first."""
    settings = settings_with(registry=registry)
    from fraud_detection_api.container.registry import build_registry
    from fraud_detection_api.schemas.models import model_summary
    from fraud_detection_api.services.models.registered import ModelService

    models = ModelService(build_registry(settings.registry))
    summaries = [model_summary(description) for description in models.describe_all()]
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
    words = words_for(about.get("purpose", "fraud"))
    rows = [
        ("version", f"{card.version} {' '.join(card.aliases)}".strip()),
        ("made", card.created_at or ""),
        ("digest", card.digest or ""),
        ("contract", f"{about['contract']['name']} ({about['contract']['fingerprint']})"),
        (
            "data",
            f"{about['data']['rows']:,} records, {about['data']['frauds']:,} {words.events} ({about['data']['digest']})",
        ),
        *_data_rows(about, words),
        ("trees", f"{about['training']['rounds']} rounds, seed {about['training']['seed']}"),
        ("settings", ", ".join(f"{name} {setting}" for name, setting in about["training"]["settings"].items())),
        ("policy", thresholds_text(about["policy"])),
        ("made with", ", ".join(f"{name} {number}" for name, number in about["software"].items())),
    ]
    print_table(("model card", ""), rows)
    print_evaluation(about["evaluation"], title="Held-out test part", words=words)


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
    settings = settings_with(registry=registry)
    from fraud_detection_api.jobs.reports import model_document
    from fraud_detection_api.tables.whole_files import written_whole

    document = model_document(settings, version, DOCUMENT_OF[out.suffix])
    with written_whole(out) as waiting:
        waiting.write_bytes(document.content)
    say(f"wrote the report of version {document.version} to {out}")


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
    """Compare the champion with a challenger on the traffic that both scored, and show whether it passes the gate."""
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.jobs.monitoring import compare_models
    from fraud_detection_api.schemas.monitoring import comparison_body

    compared = compare_models(settings, version)
    shown, words = (
        comparison_body(compared).model_dump(mode="json"),
        words_for(compared.champion.bundle.contract.purpose),
    )
    print_report(shown, comparison_tables(shown, words), comparison_notes(shown, words), as_json=as_json)


@app.command(epilog="Example: `fraud models reword 7 --contract loans.toml --promote`")
def reword(
    version: Version,
    contract: Annotated[
        Path,
        typer.Option(
            "--contract", metavar="FILE.toml", help="The model's contract with other texts, and nothing else."
        ),
    ],
    promote: Annotated[bool, typer.Option("--promote", help="Make the new version champion.")] = False,
    force: options.Force = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Register a model again in other words: reasons, descriptions, units, examples and messages of constraints.

    Its scores and outcomes stay the same to the bit, so it needs no gate to replace the champion that it was made from.
    """
    settings, order = settings_with(registry=registry), order_of(force=force)
    from fraud_detection_api.jobs.policies import reword_model

    how = options.registration(order, promote=promote)
    done = reword_model(settings, version, contract, registration=how, listener=LISTENER)
    if as_json:
        print_json(done)
        return
    rows = [(each["key"], _shown(each["before"]), _shown(each["after"])) for each in done["changed"]]
    print_table(("key", "was", "is"), rows, title=f"Version {done['version']} differs from version {done['of']} in")
    if not promote:
        say(f"to use it: `fraud models promote {done['version']}`")


def _shown(text: object) -> str:
    return "" if text is None else str(text)


def _rollout(registry: str | None, store: str | None = None) -> "RolloutService":
    settings = settings_with(registry=registry, store=store)
    from fraud_detection_api.container.deployment import build_rollout
    from fraud_detection_api.container.registry import existing_registry

    existing_registry(settings.registry)
    return build_rollout(settings)[1]


@app.command(epilog="Example: `fraud models promote 7 --reason 'three weeks in shadow'`")
def promote(
    version: options.Version,
    registry: options.Registry = None,
    store: options.Store = None,
    allow_contract_change: options.AllowContractChange = False,
    force: options.Force = None,
    reason: options.Reason = "",
    by: options.By = None,
) -> None:
    """Make a version champion after verifying its bundle. Running servers follow within seconds.

    If there is a champion, the version must have passed the gate as its challenger, or be forced with a reason.
    """
    order = order_of(by, reason=reason, force=force)
    champion = _rollout(registry, store).promote(version, order, allow_contract_change=allow_contract_change)
    say(f"version {champion} is champion")


@app.command(epilog="Example: `fraud models rollback`")
def rollback(registry: options.Registry = None, reason: options.Reason = "", by: options.By = None) -> None:
    """Make the previous champion champion again. The gate does not apply."""
    say(f"version {_rollout(registry).rollback(order_of(by, reason=reason))} is champion again")


@app.command(epilog="Example: `fraud models challenge 7`")
def challenge(
    version: Annotated[str | None, typer.Argument(metavar="VERSION", help=options.A_VERSION)] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the challenge of the challenger, or of this version.")
    ] = False,
    registry: options.Registry = None,
    reason: options.Reason = "",
    by: options.By = None,
) -> None:
    """Make a version challenger: it scores the champion's traffic in shadow. --stop ends this.

    Servers that store decisions begin within seconds. Stored comparisons are not removed.
    """
    if version is None and not stop:
        raise typer.BadParameter("name the version to make challenger", param_hint="VERSION")
    service, order = _rollout(registry), order_of(by, reason=reason)
    if stop:
        say(f"version {service.end_challenge(order, version=version)} is no longer challenger")
    elif version is not None:
        say(f"version {service.challenge(version, order)} is challenger")


@app.command(epilog="Example: `fraud models history`")
def history(registry: options.Registry = None, as_json: options.AsJson = False) -> None:
    """List every change of champion and challenger, newest first: who, when, why, and what the gate found.

    `--json` holds all figures of the gate.
    """
    settings = settings_with(registry=registry)
    from fraud_detection_api.container.deployment import build_rollout
    from fraud_detection_api.schemas.models import alias_change

    service = build_rollout(settings)[1]
    changes = [alias_change(change) for change in service.history()]
    if as_json:
        print_json([change.model_dump(by_alias=True) for change in changes])
    elif not changes:
        say("no model has been promoted in this registry")
    else:
        print_table(
            ("when (UTC)", "what", "from", "to", "by", "why", "gate"), [_change_row(change) for change in changes]
        )


def _change_row(change: "AliasChangeBody") -> tuple[str, ...]:
    what = f"{change.action} {change.alias}" if change.action == "assign" else change.action
    why = f"forced: {change.reason}" if change.forced else change.reason
    judged = change.gate in ("passed", "failed")
    shown = [reason for reason in change.gate_reasons if not judged or reason.startswith("changed limits")]
    return (
        change.at[:19].replace("T", " "),
        what if change.took_effect else f"{what}, without effect",
        change.before or "",
        change.after or "",
        change.by,
        why,
        "; ".join([change.gate, *shown]),
    )


def _data_rows(about: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    split = about["split"]
    parts = [f"{part} {split[part]['rows']:,} ({split[part]['frauds']:,} {words.events})" for part in PARTS]
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
