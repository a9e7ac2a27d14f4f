"""fraud serve."""

import json
import os
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from fraud_detection_api.cli.options import ContractOption, Registry, order_of, settings_with
from fraud_detection_api.cli.terminal import LISTENER, say


def serve(
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="H", help="Address to listen on. Default: 127.0.0.1. [env: FRAUD_HOST]"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="P", help="Port; 0 picks a free one. Default: 8000. [env: FRAUD_PORT]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Worker processes. Default: 1. [env: FRAUD_WORKERS]")
    ] = None,
    registry: Registry = None,
    contract: ContractOption = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="sqlite:///FILE|postgresql://…|none",
            help="The decision store, one for each contract. Default: ./decisions.db. [env: FRAUD_STORE]",
        ),
    ] = None,
    train_if_empty: Annotated[
        bool,
        typer.Option(
            "--train-if-empty", help="If the registry has no champion, train the default model on simulated records."
        ),
    ] = False,
) -> None:
    """Serve the champion over HTTP.

    Example: `fraud serve --port 8000 --workers 2`
    """
    overrides: dict[str, object] = {"host": host, "port": port, "workers": workers}
    overrides |= {"registry": registry, "contract": contract, "store": store}
    settings = settings_with(**overrides)
    from fraud_detection_api.jobs import serving
    from fraud_detection_api.settings import PREFIX

    # the worker processes read their settings from the environment that they inherit
    os.environ.update({PREFIX + name.upper(): str(given) for name, given in overrides.items() if given is not None})
    wanted_by = order_of().by if train_if_empty else None
    serving.serve(
        settings,
        train_if_empty_by=wanted_by,
        listener=LISTENER,
        on_listening=partial(_say_listening, settings.health_port),
    )


def _say_listening(health_port: int | None, address: str, example: Mapping[str, Any], *, has_keys: bool) -> None:
    record = json.dumps([example], ensure_ascii=False)
    notes, key = "", ""
    if health_port is not None:
        notes += f"\n  health          port {health_port}: /ping, /livez, /readyz and /metrics alone"
    if has_keys:
        notes += "\n  keys            callers send one; set KEY to one of the role `score` for this command"
        key = """--header "Authorization: Bearer $KEY" \\\n                  """
    say(f"""
fraud-detection-api listens on {address}
  documentation   {address}/docs{notes}
  try it          curl --location '{address}/fraud_detection' --header 'Content-Type: application/json' \\
                  {key}--data {shlex.quote(record)}
  stop            Ctrl-C
""")
