"""fraud audit …"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.options import AsJson, DecisionId, Store, settings_with
from fraud_detection_api.cli.terminal import MOST_SHOWN, counted, print_json, print_table, progress, say, say_other_key
from fraud_detection_api.telemetry import utc_text

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.services.auditing.verification import Break, Verified

app = typer.Typer(no_args_is_help=True)

Registry = Annotated[str | None, typer.Option("--registry", help="The model registry. [env: FRAUD_REGISTRY]")]

_FAULTS = {
    "decision_missing": "a stored decision is gone",
    "decision_changed": "a decision was changed",
    "decision_not_logged": "a decision is not in the log",
    "decision_logged_again": "a decision was added again after it was removed, or its entry was repeated",
    "event_missing": "a stored event is gone",
    "event_changed": "an event was changed",
    "event_not_logged": "an event is not in the log",
    "event_logged_again": "an event was added again after it was removed, or its entry was repeated",
    "label_missing": "a label of the decision is gone",
    "label_changed": "a label of the decision was changed",
    "label_not_logged": "labels that are not in the log",
    "alias_change_missing": "a change of champion or challenger is gone from the registry",
    "alias_change_altered": "a change of champion or challenger was altered in the registry",
    "model_not_promoted": "no recorded change made the model champion that decided; version",
    "removal_forged": "a decision was removed by somebody without the key",
    "entry_forged": "somebody put an entry into the log; leaf",
    "log_changed": "the log was changed before leaf",
    "log_not_fed": "the triggers that log decisions, events and labels are gone, or not as they were made",
    "root_forged": "a root was signed with another key",
    "log_cut_off": "the end of the log is gone; a root exists of so many leaves",
    "other_log": "a root is of another log",
    "file_damaged": "the store's file is damaged, or an index of it was changed",
}


@app.command(epilog="Example: `fraud audit verify --roots roots.jsonl`")
def verify(
    roots: Annotated[
        Path | None,
        typer.Option("--roots", metavar="FILE", help="Roots that were exported: only they show that the end is gone."),
    ] = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", metavar="FILE", help="Check this proof instead; no store is needed.")
    ] = None,
    store: Store = None,
    registry: Registry = None,
    as_json: AsJson = False,
) -> None:
    """Compare the store with its log: nothing was changed, removed or added. The exit status is 1 if anything was."""
    from fraud_detection_api.container.storage import build_root_file
    from fraud_detection_api.errors import InvalidEvidence
    from fraud_detection_api.jobs.auditing import proof_holds, verified_store

    settings = settings_with(store=store, registry=registry)
    if proof is not None:
        _show_proof(proof, proof_holds(settings, proof), as_json=as_json)
        return
    copies = [] if roots is None else build_root_file(roots).read()
    if roots is not None and not copies:
        raise InvalidEvidence(f"{roots} holds no roots")
    with progress("Comparing the store with its log") as report:
        verified = verified_store(settings, report, copies=copies)
    if as_json:
        breaks = [each._asdict() for each in verified.breaks]
        print_json({**verified._asdict(), "breaks": breaks, "replaced": [each._asdict() for each in verified.replaced]})
    else:
        _show(verified)
    if verified.breaks:
        raise typer.Exit(1)


@app.command(epilog="Example: `fraud audit export roots.jsonl`")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to append to, a JSON object a line.")],
    store: Store = None,
    registry: Registry = None,
) -> None:
    """Append the log's signed roots that the file lacks. Keep the file where nobody who can write to the store can write."""
    from fraud_detection_api.jobs.auditing import export_roots

    added, last = export_roots(settings_with(store=store, registry=registry), file)
    say(f"{file}: {counted(added, 'root')} added; the last is of {last:,} leaves")


@app.command(epilog="Example: `fraud audit prove 019a4c3e-… > proof.json`")
def prove(
    decision_id: DecisionId,
    store: Store = None,
) -> None:
    """Print a proof that a decision is in the log, which `fraud audit verify --proof` checks without the store.

    The exit status is 1 if the stored decision is not what was logged.
    """
    from fraud_detection_api.jobs.auditing import proof_of

    proof, difference = proof_of(settings_with(store=store), decision_id)
    print_json(proof.as_json())
    if difference is not None:
        say(f"the proof is of what was logged, and not of what is stored: {proof.decision_id}: {difference}")
        raise typer.Exit(1)


@app.command(name="accept-registry", epilog="Example: `fraud audit accept-registry`")
def accept_registry(store: Store = None, registry: Registry = None) -> None:
    """Enter into the log that the registry was replaced: by a backup, or by one elsewhere. Servers use the new one already.

    Its changes of champion and challenger are logged anew. Those logged before are not compared any more, and
    `fraud audit verify` says since when.
    """
    from fraud_detection_api.jobs.auditing import accept_registry as accept

    count = accept(settings_with(store=store, registry=registry))
    say(f"entered: the registry was replaced. Its record has {counted(count, 'change')} of champion and challenger")


def say_breaks(breaks: Sequence["Break"]) -> None:
    """Name the first breaks for people."""
    for each in breaks[:MOST_SHOWN]:
        at = "" if each.position is None else f" (leaf {each.position:,})"
        say(f"{each.fault}: {_FAULTS[each.fault]}: {each.subject}{at}")
    if len(breaks) > MOST_SHOWN:
        say(f"and {len(breaks) - MOST_SHOWN:,} more")


def _show(verified: "Verified") -> None:
    faults = Counter(each.fault for each in verified.breaks)
    rows = [
        ("leaves", f"{verified.leaves:,}"),
        ("waiting for a position", f"{verified.waiting:,}"),
        ("decisions", f"{verified.decisions:,}"),
        ("events", f"{verified.events:,}"),
        ("labels", f"{verified.labels:,}"),
        ("changes of champion and challenger", f"{verified.aliases:,}"),
        (
            "registry replaced",
            ", ".join(f"{utc_text(each.at)} (leaf {each.position:,})" for each in verified.replaced) or "never",
        ),
        ("roots", _roots_text(verified)),
        ("breaks", f"{'more than ' if verified.altered > faults['decision_changed'] else ''}{len(verified.breaks):,}"),
    ]
    print_table(("log", ""), rows)
    say_breaks(verified.breaks)
    say_other_key(verified.altered + faults["root_forged"], of=verified.decisions + verified.roots)


def _roots_text(verified: "Verified") -> str:
    if not verified.roots:
        return "none yet: the observer of `fraud serve` signs one a minute, and so does `fraud audit export`"
    return f"{verified.roots:,}, {'signed' if verified.is_signed else 'not signed: there is no FRAUD_SEAL_KEY'}"


def _show_proof(path: Path, holds: bool, *, as_json: bool) -> None:  # noqa: FBT001 a verdict
    if as_json:
        print_json({"holds": holds})
    else:
        say(f"{path}: {'the proof holds' if holds else 'the proof does not hold'}")
    if not holds:
        raise typer.Exit(1)
