"""fraud models promote, rollback, challenge and history."""

from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli import options
from fraud_detection_api.cli.options import order_of, settings_with
from fraud_detection_api.cli.terminal import print_json, print_table, say

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.schemas.models import AliasChangeBody
    from fraud_detection_api.services.models.rollout import RolloutService


def _service(registry: str | None) -> "RolloutService":
    settings = settings_with(registry=registry)
    from fraud_detection_api.container.deployment import build_rollout

    return build_rollout(settings)[1]


def promote(
    version: options.Version,
    registry: options.Registry = None,
    allow_contract_change: options.AllowContractChange = False,
    force: options.Force = None,
    reason: options.Reason = "",
    by: options.By = None,
) -> None:
    """Make a version champion after verifying its bundle. Running servers follow within seconds.

    If there is a champion, the version must have passed the gate as its challenger, or be forced with a reason.
    """
    order = order_of(by, reason=reason, force=force)
    champion = _service(registry).promote(version, order, allow_contract_change=allow_contract_change)
    say(f"version {champion} is champion")


def rollback(registry: options.Registry = None, reason: options.Reason = "", by: options.By = None) -> None:
    """Make the previous champion champion again. It need not pass the gate."""
    say(f"version {_service(registry).rollback(order_of(by, reason=reason))} is champion again")


def challenge(
    version: Annotated[str | None, typer.Argument(metavar="VERSION", help="A version, such as 7.")] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the challenge of the challenger, or of this version.")
    ] = False,
    registry: options.Registry = None,
    reason: options.Reason = "",
    by: options.By = None,
) -> None:
    """Make a version challenger: it scores in the shadow what the champion scores. With --stop, end that.

    Servers that store decisions begin within seconds. What was compared stays stored.
    """
    if version is None and not stop:
        raise typer.BadParameter("name the version to make challenger", param_hint="VERSION")
    service, order = _service(registry), order_of(by, reason=reason)
    if stop:
        say(f"version {service.end_challenge(order, version=version)} is no longer challenger")
    elif version is not None:
        say(f"version {service.challenge(version, order)} is challenger")


def history(registry: options.Registry = None, as_json: options.AsJson = False) -> None:
    """List every change of champion and challenger, newest first: who, when, why, and what the gate found.

    `--json` holds all figures of the gate.
    """
    service = _service(registry)
    from fraud_detection_api.schemas.models import alias_change

    changes = [alias_change(change) for change in service.history()]
    if as_json:
        print_json([change.model_dump(by_alias=True) for change in changes])
    elif not changes:
        say("no model has been promoted in this registry")
    else:
        print_table(("when (UTC)", "what", "from", "to", "by", "why", "gate"), [_row(change) for change in changes])


def _row(change: "AliasChangeBody") -> tuple[str, ...]:
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
