"""Options that several commands share; a command's option beats the environment."""

import os
import pwd
import re
from pathlib import Path
from typing import Annotated

import typer

from fraud_detection_api.contract.declaration import Contract
from fraud_detection_api.services.models.aliases import one_line
from fraud_detection_api.services.models.rollout import Order
from fraud_detection_api.settings import Settings

_SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version, such as 7, or `champion`, or `challenger`.")
]
DataFile = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet, told by its suffix.")]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="DIR|mlflow:URL",
        help="The model registry, a folder or an MLflow server; ./registry if not set. [env: FRAUD_REGISTRY]",
    ),
]
ContractOption = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="credit|PATH",
        help="What a record is: `credit`, the default, or a TOML file. [env: FRAUD_CONTRACT]",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="sqlite:///FILE|postgresql://…",
        help="The decision store; ./decisions.db if not set. [env: FRAUD_STORE]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def require_meaning(contract: Contract, *, leave_out_known: bool, **days: float | None) -> None:
    """Refuse options that say nothing of records without a time, or without an id: left unused, they would mislead."""
    given = [f"--{name.replace('_', '-')}" for name, number in days.items() if number is not None]
    given += ["--leave-out-known"] if leave_out_known else []
    if given and contract.time is None:
        fault = "the contract names no [time], so records are not told apart by time; add it, or leave this out"
        raise typer.BadParameter(fault, param_hint=" ".join(given))
    if leave_out_known and contract.identifier is None:
        fault = "the contract names no [id], so nobody is known from before; add it, or leave this out"
        raise typer.BadParameter(fault, param_hint="--leave-out-known")


def duration_seconds(text: str) -> float:
    """Seconds of a duration such as 90s, 10m, 2h or 400d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text, re.ASCII)
    if match is None or float(match[1]) == 0:
        raise typer.BadParameter("give a number and a unit, such as 90s, 10m, 2h or 400d")
    return float(match[1]) * _SECONDS_OF[match[2]]


def order_of(by: str | None = None, *, reason: str = "", force: str | None = None) -> Order:
    """Who asks for a change of a model, and why; a promotion is forced by its reason."""
    if force is not None and not one_line(force):
        raise typer.BadParameter("say why", param_hint="--force")
    if force is not None and reason:
        raise typer.BadParameter("give the reason with --force, and leave --reason out", param_hint="--reason")
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        user = f"user {os.getuid()}"
    return Order(f"{by} ({user})" if by else user, force or reason, force is not None)


def settings_with(**overrides: object) -> Settings:
    """Settings from the environment, with the options that were given on top. Raises InvalidSetting."""
    return Settings.from_environment(os.environ, **overrides)


Seed = Annotated[int, typer.Option("--seed", min=0, help="Decides split and trees: same seed, same model.")]
Promote = Annotated[bool, typer.Option("--promote", help="Make it champion. The first model always is.")]
AllowContractChange = Annotated[
    bool, typer.Option("--allow-contract-change", help="Promote although callers must then send other records.")
]
Force = Annotated[
    str | None,
    typer.Option("--force", metavar="WHY", help="Promote although the gate is not passed; the reason is kept."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="WHY", help="Kept with the change.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHO", help="Who asks for it, beside the user of this computer; kept as well."),
]
Track = Annotated[
    str | None,
    typer.Option("--track", metavar="mlflow[:URL]", help="Track the training on MLflow. [env: FRAUD_TRACK]"),
]
TestShare = Annotated[
    float, typer.Option("--test-share", min=0.05, max=0.5, help="Share of the records that is held out to measure on.")
]
DelayDays = Annotated[
    float | None,
    typer.Option(
        "--delay-days",
        min=0,
        max=36_500,
        help="Days until a record's label is known: training ends that long before the test.",
    ),
]
LeaveOutKnown = Annotated[
    bool,
    typer.Option("--leave-out-known", help="Leave customers out of the test who were known as fraudulent by then."),
]
DeployedBaseRate = Annotated[
    float | None,
    typer.Option(
        "--deployed-base-rate",
        min=1e-6,
        max=0.999999,
        help="Share of fraud where the model will work, if the file is a sample of another share.",
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE.toml",
        help="Costs and review capacity that outcomes follow from; the defaults, or with --like the model's, if not given.",
    ),
]
MaturedDays = Annotated[
    float | None,
    typer.Option(
        "--matured-days",
        min=0,
        max=36_500,
        help="Only decisions that are at least so old, so that their labels had time to arrive; the contract's "
        "label_delay_days, if not given.",
    ),
]
AssumeLegitimateAfter = Annotated[
    float | None,
    typer.Option(
        "--assume-legitimate-after",
        metavar="DAYS",
        min=0,
        max=36_500,
        help="Take decisions that are at least so old and have no label for legitimate.",
    ),
]
