"""Options that several commands share. An option takes precedence over the environment."""

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fraud_detection_api.cli.hints import remember
from fraud_detection_api.contract.declaration import MAX_TEXT
from fraud_detection_api.decision.identifiers import as_answered
from fraud_detection_api.jobs.listener import UnusableOption

if TYPE_CHECKING:  # imported when a command runs, so that help is quick
    from fraud_detection_api.jobs.registering import Registration
    from fraud_detection_api.services.models.rollout import Order
    from fraud_detection_api.settings import Settings

_SECONDS_OF = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def settings_with(**overrides: object) -> "Settings":
    """Settings from the environment, overridden by the given options. Raises InvalidSetting."""
    from fraud_detection_api.errors import InvalidSetting
    from fraud_detection_api.settings import PREFIX, Settings

    remember(overrides)
    try:
        return Settings.from_environment(os.environ, **overrides)
    except InvalidSetting as error:
        option = error.name.removeprefix(PREFIX).lower()
        if overrides.get(option) is None:
            raise
        raise InvalidSetting(f"--{option}", error.detail) from None


def order_of(by: str | None = None, *, reason: str = "", force: str | None = None) -> "Order":
    """Who asks for a change of a model, and why. `force` is the reason of a forced promotion."""
    from fraud_detection_api.services.models.aliases import one_line
    from fraud_detection_api.services.models.rollout import Order

    if force is not None and not one_line(force):
        raise typer.BadParameter("give a reason", param_hint="--force")
    if force is not None and reason:
        raise typer.BadParameter("give the reason with --force, and omit --reason", param_hint="--reason")
    user = operator()
    return Order(f"{by} ({user})" if by else user, force or reason, force is not None)


def operator() -> str:
    """The user of this computer."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"user {os.getuid()}"


def registration(order: "Order", *, promote: bool = False, allow_contract_change: bool = False) -> "Registration":
    """How a trained model is registered. Raises BadParameter for a forced promotion without a promotion."""
    if order.force and not promote:
        hint = "without --promote nothing is promoted: add it, or omit --force and run `fraud models promote` later"
        raise typer.BadParameter(hint, param_hint="--force")
    from fraud_detection_api.jobs.registering import Registration

    return Registration(order, promote, allow_contract_change, os.environ.get("MLFLOW_TRACKING_URI"))


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an option that a job cannot use into an error about the command's usage, with status 2."""
    try:
        yield
    except UnusableOption as error:
        raise typer.BadParameter(error.detail, param_hint=error.option) from error


def duration_seconds(text: str) -> float:
    """Seconds of a duration such as 90s, 10m, 2h or 400d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text, re.ASCII)
    if match is None or float(match[1]) == 0:
        raise typer.BadParameter("give a number and a unit, such as 90s, 10m, 2h or 400d")
    return float(match[1]) * _SECONDS_OF[match[2]]


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("must be UTF-8 text") from None
    return text


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of a time as people write it."""
    from fraud_detection_api.contract.times import parse_since

    moment = parse_since(text, datetime.now(UTC))
    if moment is None:
        raise typer.BadParameter("give a time in UTC, such as 2026-11-22 or 2026-11-22T10:00:00Z, `yesterday` or 7d")
    return moment


def of_csv(separator: str | None, file: Path | None) -> str | None:
    """The separator of a command's file. Raises BadParameter where the file has none: ignored, it would mislead."""
    if separator is not None:
        from fraud_detection_api.tables.files import is_csv

        if file is None or not is_csv(file):
            raise typer.BadParameter("goes with a CSV file; omit it", param_hint="--separator")
    return separator


A_VERSION = "A version, such as 7, or `champion` or `challenger`."


def policy_option(default: str) -> Any:
    """The option --policy of a command whose default is this."""
    return typer.Option(
        "--policy",
        metavar="FILE.toml",
        help=f"Costs and review capacity that decide the outcomes. Default: {default}.",
    )


Version = Annotated[str, typer.Argument(metavar="VERSION", help=A_VERSION)]
DecisionId = Annotated[
    str, typer.Argument(metavar="DECISION_ID", parser=as_answered, help="The id in the decision's answer.")
]
DataFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A file of records (.csv, .csv.gz, .parquet), or a folder of Parquet files."),
]

Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Number of processes. Default: one for each core.")]

Engine = Annotated[
    Literal["local", "ray"],
    typer.Option("--engine", help="Who does the work: processes of this machine, or of a Ray cluster (extra `ray`)."),
]

RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster, or `auto` for that of this machine. Default: a new one.",
    ),
]


def _separator(text: str) -> str:
    """A character that may separate a CSV's fields; a tab may be written as a word."""
    character = {"tab": "\t", "\\t": "\t"}.get(text.lower(), text)
    if len(character) != 1 or not character.isascii() or character in '"\r\n\0' or character.isalnum():
        raise typer.BadParameter("give one character, such as ';' or ':', or `tab`; no letter, digit or quote")
    return character


Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="CHARACTER",
        parser=_separator,
        help="What separates the fields of a CSV file, such as ';' or `tab`. Default: of , ; tab and |, what its header has "
        "most of.",
    ),
]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="DIR|mlflow:URL",
        help="The model registry: a folder or an MLflow server. Default: ./registry. [env: FRAUD_REGISTRY]",
    ),
]
ContractOption = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="credit|PATH",
        help="The contract of the records: `credit`, which is the default, or a TOML file. [env: FRAUD_CONTRACT]",
    ),
]
StoredContract = Annotated[
    str | None,
    typer.Option(
        "--contract",
        metavar="credit|PATH",
        help="The contract of the stored records. Default: the champion's, else `credit`. [env: FRAUD_CONTRACT]",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="sqlite:///FILE|postgresql://…",
        help="The decision store. Default: ./decisions.db. [env: FRAUD_STORE]",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_SINCE = typer.Option(
    "--since",
    metavar="TIME",
    parser=milliseconds,
    help="Only decisions made at this time or later: a date or time in UTC, `yesterday`, or how long ago, such as 7d.",
)
EntityId = Annotated[
    str, typer.Argument(metavar="ENTITY_ID", parser=_utf8, help="The entity's id, as callers send it.")
]
OfEntity = Annotated[
    str | None,
    typer.Option(
        "--entity",
        metavar="ID",
        parser=_utf8,
        help=f"Only decisions about this entity; {MAX_TEXT} characters at most.",
    ),
]
Since = Annotated[int | None, _SINCE]
RequiredSince = Annotated[int, _SINCE]
Until = Annotated[
    int | None,
    typer.Option("--until", metavar="TIME", parser=milliseconds, help="Only decisions made before this time."),
]

Groups = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        metavar="FILE",
        help="A file of ids and groups of people, by which fairness is measured. Groups are never features.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Determines the split and the trees: the same seed makes the same model.")
]
Promote = Annotated[
    bool,
    typer.Option("--promote", help="Make the model champion. The first model of a registry always becomes champion."),
]
AllowContractChange = Annotated[
    bool,
    typer.Option("--allow-contract-change", help="Promote even if callers must then send records with other fields."),
]
Force = Annotated[
    str | None,
    typer.Option("--force", metavar="WHY", help="Promote without passing the gate. The reason is recorded."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="WHY", help="The reason, recorded with the change.")]
By = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="WHO", help="Who asks for the change; recorded together with the user of this computer."
    ),
]
Track = Annotated[
    str | None,
    typer.Option("--track", metavar="mlflow[:URL]", help="Track the training on MLflow. [env: FRAUD_TRACK]"),
]
Refit = Annotated[
    bool,
    typer.Option(
        "--refit/--no-refit",
        help="Whether the model is trained on all records, held-out ones included, once it was measured.",
    ),
]
TestShare = Annotated[
    float, typer.Option("--test-share", min=0.05, max=0.5, help="Share of the records held out to measure the model.")
]
DelayDays = Annotated[
    float | None,
    typer.Option(
        "--delay-days",
        min=0,
        max=36_500,
        help="Days until a record's label is known. Training ends that long before the test part begins.",
    ),
]
LeaveOutKnown = Annotated[
    bool,
    typer.Option(
        "--leave-out-known",
        help="Leave customers out of the test part who were already known as fraudulent when it begins.",
    ),
]
DeployedBaseRate = Annotated[
    float | None,
    typer.Option(
        "--deployed-base-rate",
        min=1e-6,
        max=0.999999,
        help="Share of fraud where the model will be used, if the records are a sample with another share.",
    ),
]
MaturedDays = Annotated[
    float | None,
    typer.Option(
        "--matured-days",
        min=0,
        max=36_500,
        help="Only decisions that are at least this old, so that their labels have arrived. Default: the contract's "
        "label_delay_days.",
    ),
]
AssumeLegitimateAfter = Annotated[
    float | None,
    typer.Option(
        "--assume-legitimate-after",
        metavar="DAYS",
        min=0,
        max=36_500,
        help="Count decisions without a label that are at least this old as legitimate.",
    ),
]
