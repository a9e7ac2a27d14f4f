"""fraud models promote, rollback, challenge and history."""

from typing import Annotated

import typer

from fraud_detection_api.cli.options import (
    AllowContractChange,
    AsJson,
    By,
    Force,
    Reason,
    Registry,
    Version,
    order_of,
    settings_with,
)
from fraud_detection_api.cli.terminal import print_json, print_table, say
from fraud_detection_api.container.rollout import build_rollout
from fraud_detection_api.schemas.rollout import AliasChangeBody, alias_change
from fraud_detection_api.services.models.rollout import RolloutService


def _service(registry: str | None) -> RolloutService:
    return build_rollout(settings_with(registry=registry))[1]


def promote(
    version: Version,
    registry: Registry = None,
    allow_contract_change: AllowContractChange = False,
    force: Force = None,
    reason: Reason = "",
    by: By = None,
) -> None:
    """Make a version champion, after its bundle was verified. Running servers follow within seconds.

    Where there is a champion, the version must have passed the gate in its shadow, or is forced with a reason.
    """
    order = order_of(by, reason=reason, force=force)
    champion = _service(registry).promote(version, order, allow_contract_change=allow_contract_change)
    say(f"version {champion} is champion")


def rollback(registry: Registry = None, reason: Reason = "", by: By = None) -> None:
    """Make the champion before this one champion again. No gate is asked."""
    say(f"version {_service(registry).rollback(order_of(by, reason=reason))} is champion again")


def challenge(
    version: Annotated[str | None, typer.Argument(metavar="VERSION", help="A version, such as 7.")] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Let the challenger, or this version, challenge no longer.")
    ] = False,
    registry: Registry = None,
    reason: Reason = "",
    by: By = None,
) -> None:
    """Let a version score what the champion scores, in its shadow; or, with --stop, no longer.

    Servers that keep decisions begin within seconds. What was compared is kept.
    """
    if version is None and not stop:
        raise typer.BadParameter("name the version that challenges", param_hint="VERSION")
    service, order = _service(registry), order_of(by, reason=reason)
    if stop:
        say(f"version {service.end_challenge(order, version=version)} challenges no longer")
    elif version is not None:
        say(f"version {service.challenge(version, order)} challenges the champion")


def history(registry: Registry = None, as_json: AsJson = False) -> None:
    """List every change of champion and challenger, newest first: who, when, why, and what the gate said.

    What it found, with all figures, is in `--json`.
    """
    changes = [alias_change(change) for change in _service(registry).history()]
    if as_json:
        print_json([change.model_dump(by_alias=True) for change in changes])
    elif not changes:
        say("no model was ever promoted here")
    else:
        print_table(("when (UTC)", "what", "from", "to", "by", "why", "gate"), [_row(change) for change in changes])


def _row(change: AliasChangeBody) -> tuple[str, ...]:
    what = f"{change.action} {change.alias}" if change.action == "assign" else change.action
    why = f"forced: {change.reason}" if change.forced else change.reason
    judged = change.gate in ("passed", "failed")
    told = [reason for reason in change.gate_reasons if not judged or reason.startswith("changed limits")]
    return (
        change.at[:19].replace("T", " "),
        what if change.took_effect else f"{what}, without effect",
        change.before or "",
        change.after or "",
        change.by,
        why,
        "; ".join([change.gate, *told]),
    )
