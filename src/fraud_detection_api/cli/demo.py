"""fraud demo."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fraud_detection_api.cli.options import settings_with, usage_errors
from fraud_detection_api.cli.terminal import LISTENER, say

if TYPE_CHECKING:  # imported when the command runs, so that help is quick
    from fraud_detection_api.jobs.demo.running import SignIn

KEPT = ("FRAUD_LOG_FORMAT", "FRAUD_LOG_LEVEL")
"""Settings that a demo takes from the environment. With others, it could reach data that are not made up."""

MATURITY_DAYS = 3


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Keep the demo here, and continue the one that is here. Default: a temporary folder, removed at the end.",
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port; 0 picks a free one.")] = 8000,
    accounts: Annotated[
        bool,
        typer.Option("--accounts", help="Make accounts for an analyst, a lead, an auditor and an admin."),
    ] = False,
    days: Annotated[float, typer.Option("--days", min=12, max=60, help="Days of decisions before now.")] = 14,
    rate: Annotated[float, typer.Option("--rate", min=0, max=20, help="Live payments a second; 0 sends none.")] = 2,
    payments: Annotated[
        int, typer.Option("--payments", min=50, max=5_000, help="Payments on a day of the past.")
    ] = 1_000,
) -> None:
    """Show a living product on made-up data.

    Trains a champion and a challenger, plays two weeks of decisions with what was found out about them, serves on 127.0.0.1,
    and sends payments until Ctrl-C. It is ready in about half a minute. Settings in the environment are not used, but for
    those of the log.

    Example: `fraud demo --folder my-demo --accounts`
    """
    from fraud_detection_api.jobs.demo.running import Demo, run_demo
    from fraud_detection_api.jobs.demo.scale import Scale
    from fraud_detection_api.processes.scratch_folders import server_folder

    settings_with()  # a misspelt variable is reported, though it would not be read
    with server_folder("demo") if folder is None else nullcontext(folder) as place, usage_errors():
        settings = settings_with(**_settings(place.absolute(), port))
        wanted = Demo(place, Scale(days=days, payments_a_day=payments), accounts, rate)
        run_demo(settings, wanted, listener=LISTENER, on_listening=_say_listening)


def _settings(folder: Path, port: int) -> dict[str, object]:
    """The settings of a demo, which the processes beside this one find in the environment."""
    for name in [name for name in os.environ if name.startswith("FRAUD_") and name not in KEPT]:
        del os.environ[name]
    chosen: dict[str, object] = {
        "host": "127.0.0.1",
        "port": port,
        "registry": str(folder / "registry"),
        "store": f"sqlite:///{folder / 'decisions.db'}",
        "label_maturity_days": MATURITY_DAYS,
        "linger_seconds": 0,
    }
    os.environ.setdefault("FRAUD_LOG_LEVEL", "warning")  # a line for each payment would hide all else
    os.environ.update({f"FRAUD_{name.upper()}": str(given) for name, given in chosen.items()})
    return chosen


def _say_listening(address: str, people: Sequence["SignIn"]) -> None:
    named = "".join(
        f"\n  sign in as      {each.name}, {each.role}{' who leads' if each.is_lead else ''}: {each.password}"
        for each in people
    )
    say(f"""
The demo listens on {address}
  data            made up: every card, terminal, device and payment
  console         {address}/console{named}
  to find         a wave of fraud that the champion has not learned: which shops, and since when?
  to compare      the challenger, which has seen its beginning
  to label        open reviews, and new ones each minute
  documentation   {address}/docs
  stop            Ctrl-C
""")
